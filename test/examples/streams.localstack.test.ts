import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalstackLog, localstackLog } from '../../lib/testing/localstack.ts';
import { type CdkStack, cdkStack } from '../support/cdk-stack.ts';
import { localstack } from '../support/localstack.ts';
import { poll } from '../support/poll.ts';

const DEPLOY_MS = 300_000;
const PARTITIONS = 2;
const ORDERS = 150;
const SHOPS = ['a', 'b', 'c', 'd', 'e', 'f'];

describe('the processors of examples/streams, deployed by the CDK', () => {
  let stack: CdkStack | undefined;
  let deployed: LocalstackLog;

  beforeAll(async () => {
    stack = await cdkStack('test/examples/streams-app.ts', 'Streams');
    await stack.deploy();
    deployed = await localstackLog({ outputs: stack.outputs, endpoint: localstack.endpoint });
  }, DEPLOY_MS);
  afterAll(async () => {
    await deployed?.close();
    await stack?.remove();
  }, DEPLOY_MS);

  /** The values of a topic, partition by partition. */
  async function read<Value>(topic: string): Promise<Value[]> {
    const values: Value[] = [];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for await (const { value } of deployed.client.read(topic, { partition, follow: false }))
        values.push(value as Value);
    }
    return values;
  }

  const caughtUp = (group: string, topic: string) =>
    poll(
      `${group} has processed ${topic}`,
      120_000,
      async () => {
        const offsets = await deployed.client.groups.offsets(group).catch(() => []);
        const behind = offsets.filter((one) => one.topic === topic && one.lag > 0);
        return offsets.some((one) => one.topic === topic) && behind.length === 0 ? true : undefined;
      },
      250,
    );

  it('filter, average and join what comes through the API, each record once and in order', async () => {
    // Given
    const { client } = deployed;
    await client.append(
      'shops',
      SHOPS.map((key) => ({ key, value: { name: `Shop ${key}`, city: 'Oslo' } })),
    );
    await caughtUp('join', 'shops');

    // When
    for (let at = 0; at < ORDERS; at += 50) {
      const orders = Array.from({ length: 50 }, (_, i) => ({ id: `${at + i}`, cents: (at + i) * 100 }));
      await client.append(
        'orders',
        orders.map((value, i) => ({ key: SHOPS[i % SHOPS.length]!, value })),
      );
    }
    await Promise.all(['filter', 'average', 'join'].map((group) => caughtUp(group, 'orders')));

    // Then
    type Order = { id: string; cents: number };
    const orders = await read<Order>('orders');
    const joined = orders.map((order) =>
      expect.objectContaining({ ...order, shop: expect.objectContaining({ city: 'Oslo' }) }),
    );
    expect(await read('enriched-orders')).toEqual(joined);
    expect(await read('large-orders')).toEqual(orders.filter(({ cents }) => cents >= 100_00));
    expect(await read('order-averages')).toHaveLength(ORDERS);
  }, 240_000);
});
