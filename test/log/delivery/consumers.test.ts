import { kafkaConsumer, SchemaType } from '@aws-lambda-powertools/kafka';
import type { Context, SelfManagedKafkaEvent } from 'aws-lambda';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { KafkaEvent } from '../../../lib/log/delivery/event.ts';
import { openTown, type Town } from './town.ts';

let town: Town | undefined;
afterEach(() => town?.close());

/** As it arrives in a function. */
const arrived = (event: KafkaEvent) => JSON.parse(JSON.stringify(event));
const context = { functionName: 'bill' } as Context;

describe('handlers that were written for a Kafka cluster, unchanged', () => {
  it('get topic, key, value and headers from Powertools’ consumer', async () => {
    const seen: unknown[] = [];
    const handler = kafkaConsumer<{ id: number }, { amount: number }>(
      async ({ eventSource, records }) => {
        for (const { topic, partition, offset, timestamp, timestampType, key, value, headers } of records)
          seen.push({ eventSource, topic, partition, offset, timestamp, timestampType, key, value, headers });
      },
      { key: { type: SchemaType.JSON }, value: { type: SchemaType.JSON } },
    );
    town = await openTown({}, (_, event) => handler(arrived(event), context));

    const at = town.clock.now();
    const headers = [{ key: 'trace', value: 'abc' }];
    await town.append([
      { key: '{"id":1}', value: '{"amount":10}', headers, timestamp: at, partition: 0 },
      { value: '{"amount":20}', timestamp: at, partition: 0 },
    ]);
    await town.settle();

    const both = {
      eventSource: 'SelfManagedKafka',
      topic: 'orders',
      partition: 0,
      timestamp: at,
      timestampType: 'CREATE_TIME',
    };
    expect(seen).toEqual([
      { ...both, offset: 0, key: { id: 1 }, value: { amount: 10 }, headers: [{ trace: 'abc' }] },
      { ...both, offset: 1, key: undefined, value: { amount: 20 }, headers: [] },
    ]);
    expect(await town.committed()).toBe(2);
  });

  it('get over a value that does not fit the schema of Powertools’ consumer', async () => {
    const seen: number[] = [];
    const parserSchema = z.object({ amount: z.number() });
    const handler = kafkaConsumer<string, z.infer<typeof parserSchema>>(
      async ({ records }) => {
        for (const { value } of records) seen.push(value.amount);
      },
      { value: { type: SchemaType.JSON, parserSchema } },
    );
    const settings = { retryAttempts: 1, bisectBatchOnError: true, onFailure: 'queue' };
    town = await openTown(settings, (_, event) => handler(arrived(event), context));

    await town.append(['{"amount":1}', '{"amount":"x"}', '{"amount":3}'].map((value) => ({ value, partition: 0 })));
    await town.settle();

    expect(town.letters).toMatchObject([{ firstOffset: 1, lastOffset: 1 }]);
    expect(new Set(seen)).toEqual(new Set([1, 3]));
  });

  it('get what the types of @types/aws-lambda say', async () => {
    const seen: unknown[] = [];
    async function handler({ eventSource, bootstrapServers, records }: SelfManagedKafkaEvent): Promise<void> {
      for (const [name, batch] of Object.entries(records))
        for (const { topic, partition, offset, timestamp, timestampType, key, value, headers } of batch) {
          const text = (base64: string) => Buffer.from(base64, 'base64').toString();
          const trace = headers.flatMap(({ trace = [] }) => [Buffer.from(trace).toString()]);
          seen.push([eventSource, typeof bootstrapServers, name, topic, partition, offset, timestamp, timestampType]);
          seen.push([text(key), text(value), trace]);
        }
    }
    town = await openTown({}, (_, event) => handler(arrived(event)));

    const at = town.clock.now();
    const headers = [{ key: 'trace', value: 'äöü' }];
    await town.append([{ key: 'k', value: 'v', headers, timestamp: at, partition: 0 }]);
    await town.settle();

    expect(seen).toEqual([
      ['SelfManagedKafka', 'string', 'orders-0', 'orders', 0, 0, at, 'CREATE_TIME'],
      ['k', 'v', ['äöü']],
    ]);
  });
});
