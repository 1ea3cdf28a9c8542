import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openEmbedded } from '../lib/open/embedded.ts';
import { type Figure, median, quantile } from './figures.ts';
import { PARTITIONS, RECORD_BYTES, TOPIC } from './load.ts';
import { fsyncs } from './physical.ts';
import type { Scale } from './scale.ts';

const PER_SECOND = 50;

/** From the call of `append` until a follower of the topic in the same process has the record. */
export async function follow(folder: string, scale: Scale): Promise<Figure[]> {
  const log = await openEmbedded({ data: join(folder, 'log') });
  await log.topics.create(TOPIC, { partitions: PARTITIONS });
  const turns = { p50: [] as number[], p99: [] as number[], fsync: [] as number[] };
  for (let turn = 0; turn < scale.turns; turn++) {
    const took = await oneTurn(log, scale.seconds * PER_SECOND);
    turns.p50.push(median(took));
    turns.p99.push(quantile(took, 0.99));
    turns.fsync.push(median(await fsyncs(folder, 200)));
  }
  await log.close();
  const limit = 5 + median(turns.fsync);
  return [
    {
      what: `follow at ${PER_SECOND}/s, p50`,
      varve: median(turns.p50),
      limit,
      unit: 'ms',
      beside: 'linger (5 ms) + one fsync, p50',
    },
    { what: `follow at ${PER_SECOND}/s, p99`, varve: median(turns.p99), unit: 'ms' },
  ];
}

async function oneTurn(log: Awaited<ReturnType<typeof openEmbedded>>, count: number): Promise<number[]> {
  const stop = new AbortController();
  const sent = new Map<string, number>();
  const took: number[] = [];
  const following = (async () => {
    for await (const { key } of log.read(TOPIC, { from: 'latest', signal: stop.signal })) {
      const at = sent.get(Buffer.from(key ?? []).toString());
      if (at !== undefined) took.push(performance.now() - at);
      if (took.length === count) return;
    }
  })();
  const value = randomBytes(RECORD_BYTES);
  const begun = performance.now();
  const appends: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    await delay(Math.max(0, begun + ((i + 1) * 1000) / PER_SECOND - performance.now()));
    const key = `${begun} ${i}`;
    sent.set(key, performance.now());
    appends.push(log.append(TOPIC, [{ key, value }]));
  }
  await Promise.all(appends);
  await following;
  stop.abort();
  return took;
}
