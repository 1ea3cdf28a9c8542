import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fetch } from '../../lib/doors/kafka/apis/fetch.ts';
import { produce } from '../../lib/doors/kafka/apis/produce.ts';
import { connectRaw } from '../doors/kafka/gateway.ts';
import { batchOf } from '../doors/kafka/records.ts';
import type { ServerProcess } from '../support/server.ts';

/** A client that writes a record and reads it, again and again, beside those that mean no good; and what the server's process takes meanwhile. */
export interface GoodClient {
  readonly rounds: number;
  /** Milliseconds of the slowest round. */
  readonly slowest: number;
  /** Bytes: the highest RSS of the server's process that was seen. */
  readonly peak: number;
  /** Why it ended before it was stopped. */
  readonly failure: string | undefined;
  stop(): Promise<void>;
}

/** Milliseconds after which a round counts as never answered. */
const ANSWER_WITHIN = 30_000;
const PAUSE = 50;
const MAX_BYTES = 1 << 20;

/** `topic` is empty, has one partition, and no other writer. */
export async function startGoodClient(server: ServerProcess, topic: string): Promise<GoodClient> {
  const client = await connectRaw(Number(server.kafka.split(':')[1]));
  let over = false;
  let begun = 0;
  const seen = { rounds: 0, slowest: 0, peak: await rssOf(server.pid), failure: undefined as string | undefined };

  async function round(number: number): Promise<void> {
    const topicData = [{ name: topic, partitionData: [{ index: 0, records: [batchOf([`${number}`])] }] }];
    const { responses } = await client.call(produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
    const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
    if (errorCode !== 0 || baseOffset !== number) throw new Error(`error ${errorCode}, ${baseOffset} for ${number}`);
    const fetched = (await client.call(fetch, 11, fetchOf(topic, number, MAX_BYTES))).responses[0]!.partitions[0]!;
    if (fetched.errorCode !== 0) throw new Error(`error ${fetched.errorCode} at ${number}`);
    if (fetched.highWatermark !== number + 1 || fetched.records === null)
      throw new Error(`${number} could not be read`);
  }

  const running = (async () => {
    for (; !over; seen.rounds++) {
      begun = performance.now();
      await within(round(seen.rounds), ANSWER_WITHIN);
      seen.slowest = Math.max(seen.slowest, performance.now() - begun);
      seen.peak = Math.max(seen.peak, await rssOf(server.pid));
      await delay(PAUSE);
    }
  })().catch((error: unknown) => {
    seen.failure = `the good client, after ${Math.round(performance.now() - begun)} ms: ${error}`;
  });

  return Object.assign(seen, {
    async stop() {
      over = true;
      await running;
      client.end();
    },
  });
}

/** A Fetch of one partition, answered at once. */
export const fetchOf = (topic: string, fetchOffset: number, maxBytes: number) => ({
  replicaId: -1,
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes,
  isolationLevel: 0,
  topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: maxBytes }] }],
});

/** Bytes that the process has in memory now. Needs Linux. */
export async function rssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1024;
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  const late = new AbortController();
  const timeout = delay(ms, undefined, { signal: late.signal }).then(() => {
    throw new Error(`nothing within ${ms} ms`);
  });
  timeout.catch(() => {});
  return Promise.race([promise, timeout]).finally(() => late.abort());
}
