import { Hono } from 'hono';
import { fitting, json, list } from '../answers.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { parseFrom, parseTime, parseWhole, partitionOf, resolveFrom, wholeNumber } from '../params.ts';
import { readOnce } from '../read.ts';
import { recordJson } from '../record-json.ts';

const MIB = 1024 * 1024;

export function partitionRoutes(door: Door): Hono {
  const { log, limits } = door;
  const app = new Hono();

  app.get('/topics/:topic/partitions/:partition/records', async (c) => {
    const [topic, partition] = [c.req.param('topic'), partitionOf(c)];
    const offset = await resolveFrom(log, topic, partition, parseFrom(c.req.query('from') ?? 'earliest'));
    const { records, next, highWatermark, logStart } = await readOnce(c, door, topic, partition, offset, {
      wait: wholeNumber(c, 'wait', { max: limits.maxWait, fallback: 0 }),
      maxBytes: wholeNumber(c, 'max_bytes', { min: 1, max: limits.maxReadBytes, fallback: MIB }),
      maxRecords: wholeNumber(c, 'limit', { min: 1, max: 10_000, fallback: 1_000 }),
    });
    const items = records.map((record) => recordJson(partition, record));
    const count = fitting(items, limits.maxAnswerBytes);
    const after = `],"next":${records[count]?.offset ?? next},"high_watermark":${highWatermark},"log_start":${logStart}}`;
    return list(c, door, '{"records":[', items.slice(0, count), after);
  });

  app.delete('/topics/:topic/partitions/:partition/records', async (c) => {
    const before = c.req.query('before');
    if (before === undefined)
      throw new HttpProblem('INVALID_PARAMETER', 'before says up to where: an offset, or latest.');
    const offset = before === 'latest' ? before : parseWhole(before, 'before', { max: Number.MAX_SAFE_INTEGER });
    return json(c, { log_start: await log.deleteRecords(c.req.param('topic'), partitionOf(c), offset) });
  });

  app.get('/topics/:topic/partitions/:partition/offsets', async (c) => {
    const [topic, partition] = [c.req.param('topic'), partitionOf(c)];
    const time = c.req.query('time');
    const range = await log.offsets(topic, partition);
    if (time === undefined) return json(c, range);
    const found = await log.offsetAt(topic, partition, parseTime(time, 'time'));
    return json(c, { ...range, offset: found?.offset ?? null, timestamp: found?.timestamp ?? null });
  });

  return app;
}
