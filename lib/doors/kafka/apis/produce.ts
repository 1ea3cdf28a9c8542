/**
 * Produce, versions 0 to 13: record batches, appended as they come.
 *
 * Versions 0 to 2 are advertised because older librdkafka otherwise sends nothing compressed; like all others they must
 * carry batches of format 2. An answer means that the records are durable whatever `acks` asks for; 0 gets no answer. One batch a
 * partition, as Kafka wants it since version 3, checked to its last record as Kafka's LogValidator does. Idempotent producers:
 * KIP-98, KIP-360. Which records are to blame when a batch is refused: KIP-467. New leaders (KIP-951) are never told, as leaders do
 * not move. Topics go by id instead of name since version 13 (KIP-516): one that was deleted is UNKNOWN_TOPIC_ID, whatever has its name
 * now. Transactional batches are refused: INVALID_RECORD.
 */
import { VarveError } from '../../../errors.ts';
import { readHeader, splitBatches } from '../../../format/records/batch.ts';
import { type Call, defineApi } from '../api.ts';
import { failure, type KafkaErrorCode, NO_ERROR, numberOf } from '../failures.ts';
import {
  array,
  int16,
  int32,
  int64,
  nullable,
  records,
  since,
  string,
  struct,
  tagged,
  until,
  uuid,
} from '../protocol/schema.ts';

const NO_ACKS = 0;
const KNOWN_ACKS = [-1, 0, 1];
const MAX_TIMEOUT_MS = 300_000;
const FIRST_WITH_ZSTD = 7;
const FIRST_WITH_IDS = 13;

export const produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: [0, 13],
  flexible: 9,
  pipelined: true,
  request: struct({
    transactionalId: since(3, nullable(string), null),
    acks: int16,
    timeoutMs: int32,
    topicData: array(
      struct({
        name: until(12, string),
        topicId: since(13, uuid),
        partitionData: array(struct({ index: int32, records: nullable(records) })),
      }),
    ),
  }),
  response: struct({
    responses: array(
      struct({
        name: until(12, string),
        topicId: since(13, uuid),
        partitionResponses: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: since(2, int64, -1),
            logStartOffset: since(5, int64, -1),
            recordErrors: since(8, array(struct({ batchIndex: int32, batchIndexErrorMessage: nullable(string) }))),
            errorMessage: since(8, nullable(string), null),
            currentLeader: tagged(0, 10, struct({ leaderId: int32, leaderEpoch: int32 }), {
              leaderId: -1,
              leaderEpoch: -1,
            }),
          }),
        ),
      }),
    ),
    throttleTimeMs: since(1, int32),
    nodeEndpoints: tagged(0, 10, array(struct({ nodeId: int32, host: string, port: int32, rack: nullable(string) }))),
  }),
  async handle({ acks, timeoutMs, topicData }, call) {
    const responses = await Promise.all(
      topicData.map(async ({ name, topicId, partitionData }) => {
        const to = call.version < FIRST_WITH_IDS ? { topic: name } : await topicOf(topicId, call);
        const partitionResponses = await Promise.all(
          partitionData.map(({ index, records }) => {
            if (!KNOWN_ACKS.includes(acks)) return refused(index, 'INVALID_REQUIRED_ACKS');
            if (to instanceof VarveError) return { index, baseOffset: -1, ...failure(to) };
            return to ? append(call, { ...to, index }, records, timeoutMs) : refused(index, 'UNKNOWN_TOPIC_ID');
          }),
        );
        return { name, topicId, partitionResponses };
      }),
    );
    if (acks !== NO_ACKS) return { responses };
    const failed = responses.some((topic) => topic.partitionResponses.some(({ errorCode }) => errorCode !== NO_ERROR));
    // As Kafka does: a connection that ends is all that such a producer can notice.
    if (failed) throw new VarveError('INVALID_REQUEST', 'A request with acks=0 failed, which only its end can tell.');
    return undefined;
  },
});

/** Asked for each topic by itself, known or not: so a topic's requests go on in the order in which they came. */
async function topicOf(topicId: string, { gateway }: Call) {
  const topic = (await gateway.topicNames.of([topicId])).get(topicId);
  return typeof topic === 'string' ? { topic, topicId } : topic;
}

function refused(index: number, code: KafkaErrorCode) {
  return { index, errorCode: numberOf(code), baseOffset: -1 };
}

async function append(
  { gateway, version }: Call,
  { topic, index, ...id }: { topic: string; topicId?: string; index: number },
  set: Uint8Array | null,
  timeoutMs: number,
) {
  const { log } = gateway;
  try {
    const timeout = Math.min(Math.max(timeoutMs, 1), MAX_TIMEOUT_MS);
    const { offset, timestamp, stamped, logStart } = await log.appendBatch(topic, index, onlyBatch(set, version), {
      timeout,
      ...id,
    });
    const logAppendTimeMs = stamped ? timestamp : -1;
    return { index, errorCode: NO_ERROR, baseOffset: offset, logAppendTimeMs, logStartOffset: logStart };
  } catch (error) {
    const recordErrors = (error instanceof VarveError ? error.records : []).map(({ index: batchIndex, message }) => ({
      batchIndex,
      batchIndexErrorMessage: message,
    }));
    const failed = { index, baseOffset: -1, recordErrors, ...failure(error) };
    if (!(error instanceof VarveError && error.code === 'UNKNOWN_PRODUCER_ID')) return failed;
    // Java's producer decides by the log start whether its state was lost or its records were deleted.
    const range = await log.offsets(topic, index).catch(() => undefined);
    return { ...failed, logStartOffset: range?.earliest ?? -1 };
  }
}

function onlyBatch(set: Uint8Array | null, version: number): Uint8Array {
  const [batch, ...more] = set ? splitBatches(set) : [];
  if (!batch || more.length > 0) {
    throw new VarveError('INVALID_RECORD', 'A request holds one record batch for each partition that it names.');
  }
  const { baseOffset, compression } = readHeader(batch);
  if (baseOffset !== 0) throw new VarveError('INVALID_RECORD', 'The base offset of a batch that is produced is 0.');
  if (compression === 'zstd' && version < FIRST_WITH_ZSTD) {
    throw new VarveError(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `zstd came with version ${FIRST_WITH_ZSTD} of Produce (KIP-110).`,
    );
  }
  return batch;
}
