import { Hono } from 'hono';
import * as z from 'zod/mini';
import type { GroupOffset } from '../../../log/groups/groups.ts';
import { json } from '../answers.ts';
import { contentType, withBody } from '../body.ts';
import type { Door } from '../door.ts';
import { wholeNumber } from '../params.ts';
import { check, parseJson } from '../parse.ts';

const whole = z.int().check(z.gte(0));

const commitSchema = z.strictObject({
  offsets: z
    .array(
      z.strictObject({
        topic: z.string(),
        partition: whole,
        offset: whole,
        metadata: z.optional(z.nullable(z.string().check(z.maxLength(4096)))),
      }),
    )
    .check(z.minLength(1), z.maxLength(10_000)),
});

export function groupRoutes(door: Door): Hono {
  const { log, limits } = door;
  const app = new Hono();

  const lag = async (group: string) => ({
    offsets: (await log.groups.lag(group)).map(({ leaderEpoch, ...one }) => ({
      ...one,
      metadata: one.metadata ?? null,
    })),
  });

  app.get('/groups', async (c) => {
    const after = c.req.query('after');
    const limit = wholeNumber(c, 'limit', { min: 1, max: 1000, fallback: 100 });
    const groups = await log.groups.list({ limit, ...(after !== undefined && { after }) });
    return json(c, { groups, next: groups.length === limit ? groups.at(-1)! : null });
  });

  app.get('/groups/:group/offsets', async (c) => json(c, await lag(c.req.param('group'))));

  app.put('/groups/:group/offsets', (c) => {
    contentType(c, ['application/json']);
    return withBody(c, door, async (bytes) => {
      const { offsets } = check(commitSchema, parseJson(bytes, limits.maxDepth));
      const group = c.req.param('group');
      await log.groups.commit(
        group,
        offsets.map(
          ({ topic, partition, offset, metadata }): GroupOffset => ({
            topic,
            partition,
            offset,
            ...(typeof metadata === 'string' && { metadata }),
          }),
        ),
      );
      return json(c, await lag(group));
    });
  });

  app.delete('/groups/:group', async (c) => {
    await log.groups.delete(c.req.param('group'));
    return c.body(null, 204);
  });

  return app;
}
