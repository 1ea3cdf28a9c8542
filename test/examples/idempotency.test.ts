import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Delivery } from '../../lib/log/delivery/delivery.ts';
import type { KafkaEvent } from '../../lib/log/delivery/event.ts';
import type { DeliveryMessage } from '../../lib/log/delivery/ports.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { openMemory } from '../../lib/open/memory.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../support/dynoxide.ts';

const TABLE = 'charges';
const context = { functionName: 'charge', getRemainingTimeInMillis: () => 10_000 };

describe.skipIf(dynoxideMissing !== undefined)('a handler that charges orders, idempotent by Powertools', () => {
  let dynoxide: Dynoxide;
  let payments: Server;
  let log: EventLog;
  const charged: string[] = [];
  /** Orders that the payment service refuses the next time. */
  const refused = new Set<string>();

  beforeAll(async () => {
    dynoxide = await startDynoxide();
    const client = new DynamoDBClient(dynoxide.client);
    await client.send(
      new CreateTableCommand({
        TableName: TABLE,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
    client.destroy();
    payments = createServer(async (request, response) => {
      const { id } = JSON.parse(await text(request));
      if (!refused.delete(id)) charged.push(id);
      else response.statusCode = 503;
      response.end();
    }).listen(0, '127.0.0.1');
    await once(payments, 'listening');
    const { region, credentials } = dynoxide.client;
    for (const [name, value] of Object.entries({
      AWS_ENDPOINT_URL_DYNAMODB: dynoxide.endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      CHARGES_TABLE: TABLE,
      PAYMENTS_URL: `http://127.0.0.1:${(payments.address() as AddressInfo).port}/`,
    }))
      vi.stubEnv(name, value);
    log = await openMemory();
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await log?.close();
    payments?.close();
    await dynoxide?.stop();
  });

  it('charges each once, though records are delivered again', async () => {
    const { handler } = await import('../../examples/idempotency/handler.ts');
    const delivered: string[][] = [];
    const messages: DeliveryMessage[] = [];
    const delivery = await log.delivery({
      queue: async (message) => void messages.push(message),
      onFailure: async () => {},
      async target(_, event) {
        delivered.push(event.records['orders-0']!.map(({ offset }) => `${offset}`));
        try {
          await handler(asLambda(event), context as never);
          return { status: 'returned', answer: undefined };
        } catch {
          return { status: 'failed' };
        }
      },
    });

    // Given three orders, the last of which cannot be charged at first
    await log.topics.create('orders', { partitions: 1 });
    const subscription = { topic: 'orders', name: 'charges', group: 'charges', target: 'f', targetTimeout: 10_000 };
    await log.subscriptions.put({ ...subscription, startingPosition: 'earliest' });
    refused.add('c');
    await log.append(
      'orders',
      ['a', 'b', 'c'].map((id) => ({ value: JSON.stringify({ id, amount: 10 }) })),
    );

    // When they are delivered, all three again because of the last, and all once more because the group is set back
    await deliver(delivery, messages);
    await log.groups.commit('charges', [{ topic: 'orders', partition: 0, offset: 0 }]);
    await deliver(delivery, messages);

    // Then
    expect(delivered).toEqual([
      ['0', '1', '2'],
      ['0', '1', '2'],
      ['0', '1', '2'],
    ]);
    expect(charged).toEqual(['a', 'b', 'c']);
  });
});

/** Until nothing lags. */
async function deliver(delivery: Delivery, messages: DeliveryMessage[]): Promise<void> {
  await delivery.sweep();
  for (let message = messages.shift(); message; message = messages.shift()) await delivery.run(message, () => 900_000);
}

/** As it arrives in a function. */
const asLambda = (event: KafkaEvent) => JSON.parse(JSON.stringify(event));
