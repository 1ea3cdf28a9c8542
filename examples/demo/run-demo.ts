import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Client, connect, VarveError } from 'varve/client';
import { startDynoxide } from '../../test/support/dynoxide.ts';
import { type ServedDashboardOptions, serveDashboard } from '../dashboard/serve.ts';
import { average } from '../streams/average.ts';
import { filter } from '../streams/filter.ts';
import { join } from '../streams/join.ts';
import { handlerOf, type Processor } from '../streams/processor.ts';
import { stateTable } from '../streams/state.ts';
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
const TABLE = 'state';

/** Orders that come in, the processors in this process with their state in an empty DynamoDB engine, and the page. */
export async function runDemo({ url, rate, history, port, folder }: DemoOptions): Promise<Demo> {
  const stop = new AbortController();
  const { signal } = stop;
  const log = connect(url, { signal });
  const processors = [filter, average, join] as Processor<unknown, unknown>[];
  for (const topic of new Set(processors.flatMap(({ topics, output }) => [...topics, output]))) {
    await log.topics.create(topic, { partitions: PARTITIONS }).catch((error: unknown) => {
      if (!(error instanceof VarveError) || error.code !== 'TOPIC_ALREADY_EXISTS') throw error;
    });
  }

  const engine = await startDynoxide();
  const dynamodb = new DynamoDBClient(engine.client);
  await dynamodb.send(
    new CreateTableCommand({
      TableName: TABLE,
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );

  const producer = log.producer();
  await producer.append(
    'shops',
    Object.entries(SHOPS).map(([key, value]) => ({ key, value })),
  );
  const surroundings = { state: stateTable(dynamodb, TABLE), log };
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
      dynamodb.destroy();
      await engine.stop();
    },
  };
}

async function caughtUp(log: Client, group: string, topic: string): Promise<void> {
  for (;;) {
    const offsets = await log.groups.offsets(group).catch(() => []);
    const found = offsets.filter((one) => one.topic === topic);
    if (found.length === PARTITIONS && found.every(({ lag }) => lag === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
