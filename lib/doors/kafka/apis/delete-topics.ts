/**
 * DeleteTopics, versions 1 to 6: topics, by name or (version 6, KIP-516) by id.
 *
 * A topic that is named twice is refused with INVALID_REQUEST. The name is free when this is answered. TOPIC_DELETION_DISABLED where `delete.topic.enable` is false.
 */
import { VarveError } from '../../../errors.ts';
import { type Call, defineApi } from '../api.ts';
import { failure, NO_ERROR, numberOf } from '../failures.ts';
import { fewAtOnce, repeatedIn } from '../parts.ts';
import { array, int16, int32, NO_UUID, nullable, since, string, struct, until, uuid } from '../protocol/schema.ts';
import { type TopicSummary, topicsById } from '../topics.ts';

export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexible: 4,
  request: struct({
    topics: since(6, array(struct({ name: nullable(string), topicId: uuid }))),
    topicNames: until(5, array(string)),
    timeoutMs: int32,
  }),
  response: struct({
    throttleTimeMs: since(1, int32),
    responses: array(
      struct({
        name: nullable(string, 6),
        topicId: since(6, uuid),
        errorCode: int16,
        errorMessage: since(5, nullable(string), null),
      }),
    ),
  }),
  async handle({ topics, topicNames }, call) {
    const asked = [...topics, ...topicNames.map((name) => ({ name, topicId: NO_UUID }))];
    const keyOf = ({ name, topicId }: (typeof asked)[number]) => name ?? topicId;
    const distinct = new Map(asked.map((topic) => [keyOf(topic), topic]));
    const twice = repeatedIn(asked.map(keyOf));
    const ids = new Set(asked.flatMap(({ name, topicId }) => (name === null ? [topicId] : [])));
    const byId = await topicsById(call.gateway.log, ids);
    const responses = await fewAtOnce([...distinct], async ([key, topic]) =>
      twice.has(key) ? refuse(topic) : remove(call, topic, byId),
    );
    return { responses };
  },
});

function refuse({ name, topicId }: { name: string | null; topicId: string }) {
  return { name, topicId, errorCode: numberOf('INVALID_REQUEST'), errorMessage: 'A topic is named twice.' };
}

async function remove(
  { gateway: { log } }: Call,
  asked: { name: string | null; topicId: string },
  byId: ReadonlyMap<string, TopicSummary>,
) {
  let { name, topicId } = asked;
  try {
    if ((name === null) === (topicId === NO_UUID)) {
      throw new VarveError('INVALID_REQUEST', 'Name each topic by its name or by its id.');
    }
    if (name === null) {
      name = byId.get(topicId)?.name ?? null;
      if (name === null) {
        return { name, topicId, errorCode: numberOf('UNKNOWN_TOPIC_ID'), errorMessage: 'There is no such topic id.' };
      }
    } else {
      topicId = (await log.topics.describe(name)).id;
    }
    await log.topics.delete(name);
    return { name, topicId, errorCode: NO_ERROR };
  } catch (error) {
    return { name, topicId, ...failure(error) };
  }
}
