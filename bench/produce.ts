import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { apiOf } from '../test/support/api.ts';
import { startServer } from '../test/support/server.ts';
import { type Figure, median, quantile } from './figures.ts';
import { PARTITIONS, RECORD_BYTES, TOPIC } from './load.ts';
import { fsyncs } from './physical.ts';
import type { Scale } from './scale.ts';

const PER_SECOND = 200;
const LINGER_MS = 5;

/** One record of 1 KB a request, sent on time whatever became of the earlier ones; the wait for a late start counts. */
export async function produce(folder: string, scale: Scale): Promise<Figure[]> {
  const server = await startServer(join(folder, 'data'));
  await apiOf(server.url).createTopic(TOPIC, PARTITIONS);
  const agent = new Agent({ keepAlive: true });
  await load(server.url, agent, PER_SECOND); // Warms up: what is measured is a server that runs.
  const turns = {
    p50: [] as number[],
    p99: [] as number[],
    syncP50: [] as number[],
    syncP99: [] as number[],
    late: [] as number[],
  };
  for (let turn = 0; turn < scale.turns; turn++) {
    const { took, late } = await load(server.url, agent, scale.seconds * PER_SECOND);
    const synced = await fsyncs(folder, scale.seconds * PER_SECOND);
    turns.p50.push(median(took));
    turns.p99.push(quantile(took, 0.99));
    turns.late.push(quantile(late, 0.99));
    turns.syncP50.push(median(synced));
    turns.syncP99.push(quantile(synced, 0.99));
  }
  agent.destroy();
  await server.stop();
  const limit = (fsync: number[]) => LINGER_MS + 3 * median(fsync);
  const rate = `produce at ${PER_SECOND}/s over HTTP`;
  return [
    {
      what: 'requests sent late by, p99',
      limit: median(turns.late),
      unit: 'ms',
      beside: 'a busy machine or client; part of what follows',
    },
    { what: 'fsync after 4 KiB, p50', limit: median(turns.syncP50), unit: 'ms' },
    { what: 'fsync after 4 KiB, p99', limit: median(turns.syncP99), unit: 'ms' },
    {
      what: `${rate}, p50`,
      varve: median(turns.p50),
      limit: limit(turns.syncP50),
      unit: 'ms',
      beside: 'linger (5 ms) + 3 fsyncs, p50',
    },
    {
      what: `${rate}, p99`,
      varve: median(turns.p99),
      limit: limit(turns.syncP99),
      unit: 'ms',
      beside: 'linger (5 ms) + 3 fsyncs, p99',
      goal: '1.00 or less',
    },
  ];
}

/** Milliseconds from when each request was due until it was answered, and by how much it was sent late: a busy machine shows there. */
async function load(url: string, agent: Agent, count: number): Promise<{ took: number[]; late: number[] }> {
  const body = JSON.stringify({ records: [{ value_base64: randomBytes(RECORD_BYTES).toString('base64') }] });
  const begun = performance.now();
  const late: number[] = [];
  const answers: Promise<number>[] = [];
  for (let i = 0; i < count; i++) {
    const due = begun + (i * 1000) / PER_SECOND;
    const wait = due - performance.now();
    if (wait > 0) await delay(wait);
    late.push(performance.now() - due);
    answers.push(
      post(`${url}/api/topics/${TOPIC}/partitions/${i % PARTITIONS}/records`, agent, body).then((at) => at - due),
    );
  }
  return { took: await Promise.all(answers), late };
}

/** The time at which the whole answer was there. */
function post(url: string, agent: Agent, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (answer) => {
      answer.resume().once('end', () => {
        if (answer.statusCode === 200) resolve(performance.now());
        else reject(new Error(`HTTP ${answer.statusCode}`));
      });
    });
    asked.once('error', reject).end(body);
  });
}
