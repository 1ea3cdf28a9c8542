import { kafkaConsumer, SchemaType } from '@aws-lambda-powertools/kafka';
import type { Handler, SelfManagedKafkaEvent } from 'aws-lambda';
import { expect, test } from 'vitest';
import type { KafkaEvent } from '../../lib/log/delivery/event.ts';
import { type RunningVarve, startVarve } from '../../lib/testing/testing.ts';

async function withOrders(partitions = 1): Promise<RunningVarve> {
  const varve = await startVarve();
  await varve.client.topics.create('orders', { partitions });
  return varve;
}

const valuesOf = ({ records }: KafkaEvent) =>
  Object.values(records)
    .flat()
    .map(({ value }) => JSON.parse(Buffer.from(value!, 'base64').toString()) as number);

const numbers = (count: number) => Array.from({ length: count }, (_, value) => ({ value, partition: 0 }));

test('a handler gets what was there and what comes, in order, as Lambda would call it', async () => {
  // Given a record, and a handler that subscribes
  await using varve = await withOrders();
  await varve.client.append('orders', [{ key: 'a', value: 0, headers: { trace: '7f' } }]);
  const seen: number[] = [];
  const contexts: unknown[] = [];
  const orders = await varve.subscribe({
    topic: 'orders',
    group: 'billing',
    async handler(event, context) {
      seen.push(...valuesOf(event));
      contexts.push({ ...context, left: context.getRemainingTimeInMillis() });
    },
  });
  await orders.delivered();

  // When more come
  await varve.client.append('orders', [{ value: 1 }, { value: 2 }]);
  await orders.delivered();

  // Then it has all of it, and the group has committed that
  expect(seen).toEqual([0, 1, 2]);
  expect(orders.invocations[0]?.event).toEqual({
    eventSource: 'SelfManagedKafka',
    bootstrapServers: expect.any(String),
    records: {
      'orders-0': [
        {
          topic: 'orders',
          partition: 0,
          offset: 0,
          timestamp: expect.any(Number),
          timestampType: 'CREATE_TIME',
          key: 'YQ==',
          value: 'MA==',
          headers: [{ trace: [...Buffer.from('7f')] }],
        },
      ],
    },
  });
  expect(contexts[0]).toMatchObject({ functionName: 'billing', awsRequestId: expect.any(String) });
  expect((contexts[0] as { left: number }).left).toBeGreaterThan(0);
  expect(await varve.client.groups.offsets('billing')).toMatchObject([{ partition: 0, offset: 3, lag: 0 }]);
});

test('a batch that fails comes again, before what follows it', async () => {
  await using varve = await withOrders();
  let tries = 0;
  const orders = await varve.subscribe({
    topic: 'orders',
    group: 'billing',
    batchSize: 2,
    handler: async () => {
      if (++tries < 3) throw new Error(`not yet: ${tries}`);
    },
  });

  await varve.client.append('orders', numbers(4));
  await orders.delivered();

  expect(orders.invocations.map(({ event }) => valuesOf(event))).toEqual([
    [0, 1],
    [0, 1],
    [0, 1],
    [2, 3],
  ]);
  expect(orders.invocations[1]?.error).toMatchObject({ message: 'not yet: 2' });
});

test('a report of batchItemFailures commits what is before, and goes on from there', async () => {
  await using varve = await withOrders();
  let failed = false;
  const orders = await varve.subscribe({
    topic: 'orders',
    group: 'billing',
    reportBatchItemFailures: true,
    handler: async (event) => {
      if (failed) return undefined;
      failed = true;
      const { topic, partition, offset } = event.records['orders-0']![2]!;
      return { batchItemFailures: [{ itemIdentifier: { partition: `${topic}-${partition}`, offset } }] };
    },
  });

  await varve.client.append('orders', numbers(5));
  await orders.delivered();

  expect(orders.invocations.map(({ event }) => valuesOf(event))).toEqual([
    [0, 1, 2, 3, 4],
    [2, 3, 4],
  ]);
});

test('a poison record is given up alone, is told to a topic, and stops nothing', async () => {
  // Given a topic for what is given up
  await using varve = await withOrders();
  await varve.client.topics.create('dead', { partitions: 1 });
  const orders = await varve.subscribe({
    topic: 'orders',
    group: 'billing',
    retryAttempts: 1,
    bisectBatchOnError: true,
    onFailure: 'dead',
    handler: (event) => {
      if (valuesOf(event).includes(5)) throw new Error('poison');
    },
  });

  // When a record comes that never works
  await varve.client.append('orders', numbers(9));
  await orders.delivered();

  // Then it alone was given up, whoever looks can read it again, and all others were delivered
  expect(orders.givenUp).toMatchObject([{ condition: 'RetryAttemptsExhausted', firstOffset: 5, lastOffset: 5 }]);
  const { records } = await varve.client.poll('dead', 0, 'earliest');
  expect(records).toMatchObject([
    {
      key: 'orders-0',
      value: {
        requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 2 },
        KafkaBatchInfo: {
          consumerGroup: 'billing',
          recordsInfo: { 'orders-0': { topic: 'orders', partition: 0, firstRecordOffset: '5', lastRecordOffset: '5' } },
        },
      },
    },
  ]);
  const done = orders.invocations.filter(({ error }) => error === undefined).flatMap(({ event }) => valuesOf(event));
  expect(done).toEqual([0, 1, 2, 3, 4, 6, 7, 8]);
});

test('an invocation that takes too long has failed', async () => {
  await using varve = await withOrders();
  let asked = 0;
  const orders = await varve.subscribe({
    topic: 'orders',
    group: 'billing',
    functionTimeout: 1_000,
    handler: () => (++asked === 1 ? new Promise(() => {}) : undefined),
  });

  await varve.client.append('orders', numbers(1));
  await orders.delivered();

  expect(orders.invocations.map(({ error }) => (error as Error | undefined)?.message)).toEqual([
    'Task timed out after 1.00 seconds',
    undefined,
  ]);
});

test('what is not delivered in time is said, with what the handler threw', async () => {
  await using varve = await withOrders();
  const orders = await varve.subscribe({
    topic: 'orders',
    group: 'billing',
    retryAttempts: -1,
    handler: () => {
      throw new TypeError('no such customer');
    },
  });
  await varve.client.append('orders', numbers(2));

  const failure = orders.delivered({ timeout: 300 });

  await expect(failure).rejects.toMatchObject({
    code: 'REQUEST_TIMED_OUT',
    message: expect.stringContaining('2 records of orders'),
    cause: expect.objectContaining({ message: 'no such customer' }),
  });
});

test('partitions are delivered side by side, each in order', async () => {
  await using varve = await withOrders(8);
  const together = { now: 0, most: 0 };
  const seen: Record<number, number[]> = {};
  const reached = Promise.withResolvers<void>();
  const orders = await varve.subscribe({
    topic: 'orders',
    group: 'billing',
    batchSize: 3,
    async handler(event) {
      together.most = Math.max(together.most, ++together.now);
      if (together.now === 8) reached.resolve();
      await reached.promise;
      together.now--;
      for (const { partition, offset } of Object.values(event.records).flat()) {
        seen[partition] ??= [];
        seen[partition].push(offset);
      }
    },
  });

  await varve.client.append(
    'orders',
    Array.from({ length: 80 }, (_, value) => ({ value, partition: value % 8 })),
  );
  await orders.delivered();

  expect(together.most).toBe(8);
  expect(Object.values(seen)).toEqual(Array.from({ length: 8 }, () => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
});

test('who ends a subscription and subscribes again goes on where the group was', async () => {
  await using varve = await withOrders();
  const first = await varve.subscribe({ topic: 'orders', group: 'billing', handler: () => {} });
  await varve.client.append('orders', numbers(2));
  await first.delivered();
  await first.close();
  await varve.client.append('orders', [{ value: 2, partition: 0 }]);

  const second = await varve.subscribe({ topic: 'orders', group: 'billing', handler: () => {} });
  await second.delivered();

  expect(second.invocations.map(({ event }) => valuesOf(event))).toEqual([[2]]);
});

test('who takes over a name has it: the one before ends without it, and knows no more', async () => {
  // Given a subscription, another one of its name, and one that is refused
  await using varve = await withOrders();
  const first = await varve.subscribe({ topic: 'orders', group: 'billing', handler: () => {} });
  const second = await varve.subscribe({
    topic: 'orders',
    group: 'billing',
    retryAttempts: 0,
    handler: () => {
      throw new Error('poison');
    },
  });
  const refused = varve.subscribe({ topic: 'orders', group: 'billing', batchSize: 0, handler: () => {} });
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_REQUEST' });

  // When the first one is closed, twice
  await first.close();
  await first.close();

  // Then the second one gets what comes, and is told what is given up
  await varve.client.append('orders', numbers(1));
  await second.delivered();
  expect(second.givenUp).toMatchObject([{ firstOffset: 0 }]);
  expect([first.invocations, first.givenUp]).toEqual([[], []]);
});

test('a log that is closed leaves an invocation that does not end, and its test ends', async () => {
  const varve = await withOrders();
  const invoked = Promise.withResolvers<void>();
  await varve.subscribe({
    topic: 'orders',
    group: 'billing',
    handler() {
      invoked.resolve();
      return new Promise(() => {});
    },
  });
  await varve.client.append('orders', numbers(1));
  await invoked.promise;

  await varve.close();

  await expect(fetch(varve.url)).rejects.toThrow();
});

test('a handler that is typed as for Lambda runs as it is', async () => {
  await using varve = await withOrders();
  const seen: string[] = [];
  const handler: Handler<SelfManagedKafkaEvent> = async (event, { functionName, awsRequestId }) => {
    for (const { key, value } of Object.values(event.records).flat()) seen.push(atob(key), atob(value));
    expect([functionName, awsRequestId]).toEqual(['billing', expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  };

  const orders = await varve.subscribe({ topic: 'orders', group: 'billing', handler });
  await varve.client.append('orders', [{ key: 'a', value: 1 }]);
  await orders.delivered();

  expect(seen).toEqual(['a', '1']);
});

test('so does one that Powertools made', async () => {
  await using varve = await withOrders();
  const seen: unknown[] = [];
  const handler = kafkaConsumer<string, { total: number }>(
    async ({ records }) => {
      for (const { key, value, offset } of records) seen.push([offset, key, value.total]);
    },
    { value: { type: SchemaType.JSON } },
  );

  const orders = await varve.subscribe({ topic: 'orders', group: 'billing', handler });
  await varve.client.append('orders', [{ key: 'a', value: { total: 12 } }]);
  await orders.delivered();

  expect(seen).toEqual([[0, 'a', 12]]);
});

test.each([
  ['an unknown topic', { topic: 'nowhere', group: 'billing' }, 'UNKNOWN_TOPIC_OR_PARTITION'],
  ['a setting that cannot be', { topic: 'orders', group: 'billing', batchSize: 0 }, 'INVALID_REQUEST'],
  ['a group id that cannot be', { topic: 'orders', name: 'bills', group: '' }, 'INVALID_GROUP_ID'],
])('%s is refused', async (_, options, code) => {
  await using varve = await withOrders();

  await expect(varve.subscribe({ ...options, handler: () => {} })).rejects.toMatchObject({ code });
});
