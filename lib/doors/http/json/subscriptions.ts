import { type Context, Hono } from 'hono';
import * as z from 'zod/mini';
import { topicOf } from '../../../log/delivery/dead-letter-topic.ts';
import type { Subscription } from '../../../stores/catalog/subscriptions.ts';
import { json, noSuchResource } from '../answers.ts';
import { contentType, withBody } from '../body.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { parseFrom } from '../params.ts';
import { check, parseJson } from '../parse.ts';

/** The settings' own names, as JSON writes them here. What they may be the log says. */
const newSubscription = z.strictObject({
  group: z.string(),
  target: z.string(),
  target_timeout: z.optional(z.int()),
  starting_position: z.optional(z.string()),
  enabled: z.optional(z.boolean()),
  batch_size: z.optional(z.int()),
  max_batching_window: z.optional(z.int()),
  retry_attempts: z.optional(z.int()),
  max_record_age: z.optional(z.int()),
  bisect_batch_on_error: z.optional(z.boolean()),
  report_batch_item_failures: z.optional(z.boolean()),
  parallelization_factor: z.optional(z.int()),
  filters: z.optional(z.array(z.string())),
  on_failure: z.optional(z.string()),
});

/** Milliseconds. */
const DEFAULT_TIMEOUT = 30_000;

/** Subscriptions of URLs, where the log delivers by itself. */
export function subscriptionRoutes(door: Door): Hono {
  const { log, limits, targetHosts } = door;
  const app = new Hono();
  const path = '/topics/:topic/subscriptions' as const;

  app.use(`${path}/*`, async (_, next) => {
    if (targetHosts.length > 0) return next();
    throw noSuchResource(
      'This log delivers to no URLs. In AWS functions subscribe by EventLogSource; on this machine, run varve server.',
    );
  });

  app.get(path, async (c) => {
    const { name: topic } = await log.topics.describe(c.req.param('topic'));
    const all = await log.subscriptions.list();
    return json(c, { subscriptions: all.filter((one) => one.topic === topic).map(shown) });
  });

  app.put(`${path}/:name`, (c) => {
    contentType(c, ['application/json']);
    return withBody(c, door, async (bytes) => {
      const { starting_position, ...given } = check(newSubscription, parseJson(bytes, limits.maxDepth));
      const { topic, name } = namedBy(c);
      const from = parseFrom(starting_position ?? 'earliest');
      if (typeof from === 'number') {
        throw new HttpProblem('INVALID_BODY', 'starting_position must be earliest, latest, or time: and a time.');
      }
      checkTarget(given.target);
      if (given.on_failure !== undefined) await checkOnFailure(topic, given.on_failure);
      const settings = renamed(given, camelCase) as { group: string; target: string };
      const made = await log.subscriptions.put({
        targetTimeout: DEFAULT_TIMEOUT,
        ...settings,
        topic,
        name,
        startingPosition: from,
      });
      return json(c, shown(made));
    });
  });

  app.delete(`${path}/:name`, async (c) => {
    const { topic, name } = namedBy(c);
    if (!(await log.subscriptions.delete(topic, name))) {
      throw noSuchResource(`The topic "${topic}" has no subscription "${name}".`);
    }
    return c.body(null, 204);
  });

  /** Whoever may write the log makes the process post to whatever it can reach: that is for this machine, unless others are named. */
  function checkTarget(target: string): void {
    const url = URL.parse(target);
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      throw new HttpProblem('INVALID_BODY', 'target must be a URL such as http://127.0.0.1:3000/orders.');
    }
    if (targetHosts.includes('*') || targetHosts.includes(url.hostname)) return;
    throw new HttpProblem(
      'INVALID_BODY',
      `target: records are not sent to ${url.hostname}: start the server with --target-host ${url.hostname} if they may be.`,
    );
  }

  async function checkOnFailure(topic: string, destination: string): Promise<void> {
    const told = topicOf(destination);
    if (told === topic) {
      throw new HttpProblem('INVALID_BODY', 'on_failure: give another topic than the one that is delivered.');
    }
    await log.topics.describe(told);
  }

  return app;
}

function namedBy(c: Context): { topic: string; name: string } {
  return { topic: c.req.param('topic') ?? '', name: c.req.param('name') ?? '' };
}

function shown(subscription: Subscription): Record<string, unknown> {
  return renamed({ ...subscription }, (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function renamed(fields: Record<string, unknown>, to: (name: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [to(name), value]));
}
