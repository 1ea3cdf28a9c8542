import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { poll } from '../support/poll.ts';
import type { Java } from './java.ts';
import { type Running, start } from './processes.ts';
import { INPUTS, streamsInput } from './streams-input.ts';
import { type Topics, topicsOf, type Written } from './topics.ts';

/** Each of their records is determined by the input. */
export const EXACT = [
  'important-clicks',
  'page-counts',
  'page-finals',
  'paid-orders',
  'orders-and-payments',
  'purchases-of-customers',
  'purchases-of-any',
  'purchases-in-shops',
] as const;
/** Made of two partitions' records, which meet in any order: each key's last value is determined. */
export const TABLE = 'customers-in-cities';
export const COUNTED = 'pages-of-users';
/** The record at which the counting program stands still and is killed. */
export const HALT_AT = 100;

/** What the programs of `StreamsPrograms.java` left on a broker. */
export interface Outcome {
  written: Map<string, Written[]>;
  /** The stores that had something to restore, by program and start. */
  restored: string[][];
}

const PATIENCE_MS = 300_000;
const REPARTITIONED = ['all-by-page-repartition', 'all-by-city-repartition'];
const { shops: _, ...READ_BY_GROUP } = INPUTS;

/**
 * Runs the programs on a broker: "all" over the first phase's input, closed, its state folder deleted, and over the second phase's
 * with what it restores; "counting" over the first phase's, killed when it has counted but committed nothing, and again without its
 * state folder. `begin` is the time of the input's first phase; `state` is a folder of their own.
 */
export async function runStreams(java: Java, broker: string, state: string, begin: number): Promise<Outcome> {
  const topics = await topicsOf(broker);
  const outputs = [...EXACT, TABLE, COUNTED];
  await topics.create({ ...INPUTS, ...Object.fromEntries(outputs.map((topic) => [topic, 2])) });
  await topics.write(streamsInput(begin, 0));

  const program = async (name: string, haltAt: number, until: (running: Running) => Promise<unknown>) => {
    const own = join(state, name);
    await mkdir(own, { recursive: true });
    const command = java.command('StreamsPrograms', broker, name, state, name, String(haltAt));
    // RocksDB's library is unpacked there too: a killed process would leave it behind.
    const running = start(['env', `ROCKSDB_SHAREDLIB_DIR=${own}`, ...command]);
    try {
      await until(running);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${running.output()}`);
    } finally {
      await running.stop();
      await rm(own, { recursive: true });
    }
    return [...running.output().matchAll(/^restored (\S+ \d+) [1-9]/gm)].map(([, store]) => store!).sort();
  };

  const all = [...Object.keys(READ_BY_GROUP), ...REPARTITIONED];
  const restored = await Promise.all([
    program('all', 0, (running) => caughtUp(running, topics, 'all', all)),
    program('counting', HALT_AT, (running) => halted(running, topics)).then(() =>
      program('counting', 0, (running) => caughtUp(running, topics, 'counting', ['clicks'])),
    ),
  ]);
  await topics.write(streamsInput(begin, 1));
  const again = await program('all', 0, async (running) => {
    await caughtUp(running, topics, 'all', all);
    await purged(topics);
  });
  const written = await topics.read(...outputs);
  await topics.close();
  return { written, restored: [...restored, again] };
}

/** Waits until a program has committed all that its topics have; those behind others are named behind them. */
async function caughtUp(running: Running, topics: Topics, group: string, names: readonly string[]): Promise<void> {
  const has = async (topic: string) => {
    if (running.ended()) throw new Error('the program ended');
    try {
      const [committed, ends] = [await topics.committed(group, topic), await topics.ends(topic)];
      return committed.join() === ends.join() || undefined;
    } catch (error) {
      // The group's coordinator, or a topic of the program's own, is still in the making.
      if (error instanceof kafkajs.KafkaJSError && error.retriable) return undefined;
      throw error;
    }
  };
  for (const topic of names) await poll(`${group} has read ${topic}`, PATIENCE_MS, () => has(topic), 200);
}

/** Kills the program when all that came before the record at which it stands still is written, and nothing committed. */
async function halted(running: Running, topics: Topics): Promise<void> {
  const isWritten = async (topic: string) => {
    if (running.ended()) throw new Error('the program ended');
    if (!running.output().includes('halted')) return undefined;
    const ends = await topics.ends(topic);
    return ends.reduce((sum, end) => sum + end, 0) === HALT_AT - 1 || undefined;
  };
  for (const topic of [COUNTED, 'counting-pages-store-changelog']) {
    await poll(`${topic} has what was counted`, PATIENCE_MS, () => isWritten(topic), 200);
  }
  await running.kill();
}

/** Streams deletes the records of repartition topics behind what it has committed. */
async function purged(topics: Topics): Promise<void> {
  for (const topic of REPARTITIONED) {
    const isEmpty = async () => (await topics.starts(topic)).join() === (await topics.ends(topic)).join() || undefined;
    await poll(`${topic} is purged`, PATIENCE_MS, isEmpty, 200);
  }
}
