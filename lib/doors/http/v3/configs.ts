import { type Context, Hono } from 'hono';
import * as z from 'zod/mini';
import { VarveError } from '../../../errors.ts';
import { isUnknownTopic } from '../../../log/topic-name.ts';
import type { ConfigEntry, ConfigSynonym } from '../../../log/topics.ts';
import { json, noSuchResource } from '../answers.ts';
import type { Door } from '../door.ts';
import { answerTo, HttpProblem } from '../errors.ts';
import { withJson } from './body.ts';
import { clusterAt, nextPage, pageOf } from './resource.ts';

const changesSchema = z.array(
  z.object({
    name: z.string(),
    value: z.optional(z.nullable(z.string())),
    operation: z.optional(z.nullable(z.enum(['SET', 'DELETE']))),
  }),
);
const validateOnly = z.optional(z.nullable(z.boolean()));
const alterSchema = z.object({ data: changesSchema, validate_only: validateOnly });
const alterManySchema = z.object({
  data: z.array(z.object({ topic_name: z.string(), configs: changesSchema })).check(z.maxLength(1_000)),
  validate_only: validateOnly,
});
const putSchema = z.object({ value: z.optional(z.nullable(z.string())) });

/** Topics whose whole configuration one answer holds: some 20 KB each. */
const TOPICS_A_PAGE = 100;

/** What an entry says, whatever it belongs to. `own`: where values come from that are set there. */
export function entryFields(entry: ConfigEntry, own: 'DYNAMIC_TOPIC_CONFIG' | 'STATIC_BROKER_CONFIG') {
  const told = { own, broker: 'STATIC_BROKER_CONFIG', default: 'DEFAULT_CONFIG' };
  const source = told[entry.synonyms[0]?.source ?? 'default'];
  return {
    name: entry.name,
    value: entry.value,
    is_default: source === 'DEFAULT_CONFIG',
    is_read_only: own !== 'DYNAMIC_TOPIC_CONFIG',
    is_sensitive: false,
    source,
    synonyms: entry.synonyms.map((one: ConfigSynonym) => ({ ...one, source: told[one.source] })),
  };
}

/** The configuration of topics. */
export function configRoutes(door: Door): Hono {
  const { log } = door;
  const app = new Hono();
  const at = (c: Context) => clusterAt(c, log.clusterId);

  const shown = (c: Context, topic: string, entry: ConfigEntry) => {
    const path = ['topics', topic, 'configs', entry.name];
    const fields = { topic_name: topic, ...entryFields(entry, 'DYNAMIC_TOPIC_CONFIG') };
    return at(c).resource('KafkaTopicConfig', `/topic=${topic}/config=${entry.name}`, path, fields);
  };

  /** The topic's keys, all of which exist; NO_SUCH_RESOURCE otherwise. */
  async function knownKeys(topic: string, names: readonly string[]): Promise<readonly ConfigEntry[]> {
    const { config } = await log.topics.describe(topic);
    const strange = names.find((name) => !config.some((entry) => entry.name === name));
    if (strange !== undefined) throw noSuchResource('Topics have no configuration of this name.');
    return config;
  }

  app.get('/topics/-/configs', async (c) => {
    const { list, url } = at(c);
    const path = ['topics', '-', 'configs'];
    const page = pageOf(c, TOPICS_A_PAGE);
    const topics = await log.topics.list(page);
    const described = await Promise.all(topics.map(({ name }) => log.topics.describe(name).catch(passIfDeleted)));
    const data = described.flatMap((topic) => topic?.config.map((entry) => shown(c, topic.name, entry)) ?? []);
    return json(c, list('KafkaTopicConfigList', path, data, nextPage(url(...path), page, topics, topics.at(-1)?.name)));
  });

  app.get('/topics/:topic/configs', async (c) => {
    const { name, config } = await log.topics.describe(c.req.param('topic'));
    const data = config.map((entry) => shown(c, name, entry));
    return json(c, at(c).list('KafkaTopicConfigList', ['topics', name, 'configs'], data));
  });

  // As patterns: a colon inside a segment would begin a parameter.
  app.post('/topics/-/:action{configs:alter}', (c) =>
    withJson(c, door, alterManySchema, async ({ data, validate_only }) => {
      const names = data.map(({ topic_name }) => topic_name);
      if (new Set(names).size < names.length) throw new HttpProblem('INVALID_BODY', 'A topic is named twice.');
      for (const { topic_name, configs } of data) await knownKeys(topic_name, namesOf(configs));
      const failures: { topic_name: string; error_code: number; message: string }[] = [];
      for (const { topic_name, configs } of data) {
        try {
          await log.topics.configure(topic_name, changesOf(configs), { validateOnly: validate_only ?? false });
        } catch (error) {
          if (!(error instanceof VarveError)) throw error;
          const { error_code, message } = answerTo(error, 'v3').body;
          failures.push({ topic_name, error_code, message });
        }
      }
      return failures.length === 0 ? c.body(null, 204) : json(c, { failures }, 207);
    }),
  );

  app.post('/topics/:topic/:action{configs:alter}', (c) =>
    withJson(c, door, alterSchema, async ({ data, validate_only }) => {
      const topic = c.req.param('topic');
      await knownKeys(topic, namesOf(data));
      await log.topics.configure(topic, changesOf(data), { validateOnly: validate_only ?? false });
      return c.body(null, 204);
    }),
  );

  app.get('/topics/:topic/configs/:name', async (c) => {
    const { topic, name } = c.req.param();
    const entry = (await knownKeys(topic, [name])).find((one) => one.name === name)!;
    return json(c, shown(c, topic, entry));
  });

  app.put('/topics/:topic/configs/:name', (c) =>
    withJson(c, door, putSchema, async ({ value }) => {
      const { topic, name } = c.req.param();
      await knownKeys(topic, [name]);
      await log.topics.configure(topic, { [name]: value ?? null });
      return c.body(null, 204);
    }),
  );

  app.delete('/topics/:topic/configs/:name', async (c) => {
    const { topic, name } = c.req.param();
    await knownKeys(topic, [name]);
    await log.topics.configure(topic, { [name]: null });
    return c.body(null, 204);
  });

  return app;
}

type Changes = z.output<typeof changesSchema>;

/** INVALID_BODY when one is named twice. */
function namesOf(changes: Changes): string[] {
  const names = changes.map(({ name }) => name);
  if (new Set(names).size < names.length) throw new HttpProblem('INVALID_BODY', 'A configuration is named twice.');
  return names;
}

function changesOf(changes: Changes): Record<string, string | null> {
  return Object.fromEntries(
    changes.map(({ name, value, operation }) => [name, operation === 'DELETE' ? null : (value ?? null)]),
  );
}

function passIfDeleted(error: unknown): undefined {
  if (!isUnknownTopic(error)) throw error;
}
