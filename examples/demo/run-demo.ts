import { type Client, connect, VarveError } from 'varve/client';
import { type ServedDashboardOptions, serveDashboard } from '../dashboard/serve.ts';
import { average } from '../streams/average.ts';
import { filter } from '../streams/filter.ts';
import { join } from '../streams/join.ts';
import { handlerOf, type Processor } from '../streams/processor.ts';
import { startLocalState } from './local-state.ts';
import { ordersWithin, SHOPS } from './orders.ts';
import { subscribe } from './subscribe.ts';

export interface DemoOptions extends ServedDashboardOptions {
  /** Orders a second. */
  rate: number;
  /** Milliseconds of orders that are there when it begins, so that there is something to see. */
  history: number;
}

export interface Demo {
  /** The page's address. */
  url: string;
  close(): Promise<void>;
}

const PARTITIONS = 4;
const EVERY = 500;
const STEP = 5_000;

/** Orders that come in, the processors in this process with their state in an empty DynamoDB engine, and the page. */
export async function runDemo({ url, rate, history, port, folder }: DemoOptions): Promise<Demo> {
  const stop = new AbortController();
  const { signal } = stop;
  const log = connect(url, { signal });
  const processors = [filter, average, join] as Processor<unknown, unknown>[];
  for (const topic of new Set(processors.flatMap(({ topics, output }) => [...topics, output]))) {
    await makeTopic(log, topic);
  }

  const state = await startLocalState();
  const producer = log.producer();
  await producer.append(
    'shops',
    Object.entries(SHOPS).map(([key, value]) => ({ key, value })),
  );
  const surroundings = { state: state.open(), log };
  const subscriptions = await Promise.all(
    processors.flatMap((processor) => {
      const handler = handlerOf(processor, () => surroundings);
      return processor.topics.map((topic) => subscribe(log, topic, processor.name, handler));
    }),
  );
  // Orders find their shops.
  await caughtUp(log, join.name, 'shops');
  for (let at = Date.now() - history + STEP; at < Date.now(); at += STEP) {
    await producer.append('orders', ordersWithin(STEP, at, rate, Math.random));
  }
  const timer = setInterval(() => {
    producer.append('orders', ordersWithin(EVERY, Date.now(), rate, Math.random)).catch((error: unknown) => {
      if (!signal.aborted) console.error(`orders: ${error instanceof Error ? error.message : error}`);
    });
  }, EVERY);

  const page = await serveDashboard({ url, port, folder });
  return {
    url: page.url,
    async close() {
      clearInterval(timer);
      // With the log gone there is nothing to take back.
      await Promise.allSettled(subscriptions.map((end) => end()));
      stop.abort();
      await page.close();
      await state.close();
    },
  };
}

async function makeTopic(log: Client, topic: string): Promise<void> {
  try {
    await log.topics.create(topic, { partitions: PARTITIONS });
  } catch (error) {
    if (!(error instanceof VarveError) || error.code !== 'TOPIC_ALREADY_EXISTS') throw error;
    const { partitions } = await log.topics.describe(topic);
    if (partitions !== PARTITIONS) {
      throw new Error(
        `There is a topic ${topic} that has ${partitions} partitions, not ${PARTITIONS}: take another log.`,
      );
    }
  }
}

async function caughtUp(log: Client, group: string, topic: string): Promise<void> {
  for (;;) {
    const offsets = await log.groups.offsets(group).catch(() => []);
    const found = offsets.filter((one) => one.topic === topic);
    if (found.length === PARTITIONS && found.every(({ lag }) => lag === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
