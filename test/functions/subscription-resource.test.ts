import { afterEach, describe, expect, it } from 'vitest';
import type { CustomResourceEvent } from '../../functions/custom-resource.ts';
import { subscriptionResource } from '../../functions/subscription-resource.ts';
import type { DeliveryMessage } from '../../lib/log/delivery/ports.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { openMemory } from '../../lib/open/memory.ts';

let log: EventLog | undefined;
afterEach(() => log?.close());

const eventOf = (RequestType: CustomResourceEvent['RequestType'], enabled: boolean): CustomResourceEvent => ({
  RequestType,
  ResponseURL: '',
  StackId: 'stack',
  RequestId: 'request',
  LogicalResourceId: 'Subscription',
  ...(RequestType !== 'Create' && { PhysicalResourceId: 'orders/bills' }),
  ResourceProperties: {
    Subscription: JSON.stringify({
      topic: 'orders',
      name: 'bills',
      group: 'billing',
      target: 'function',
      targetTimeout: 3_000,
      startingPosition: 'earliest',
      enabled,
    }),
  },
});

describe('a subscription of a stack', () => {
  it.each<[what: string, off: CustomResourceEvent, on: CustomResourceEvent]>([
    ['switched off and on', eventOf('Update', false), eventOf('Update', true)],
    ['removed and made again', eventOf('Delete', true), eventOf('Create', true)],
  ])('%s goes on at once, though a message came in between', async (_, off, on) => {
    // Given a record, and the message for it under way
    const opened = await openMemory();
    log = opened;
    await opened.topics.create('orders', { partitions: 1 });
    const messages: DeliveryMessage[] = [];
    const delivered: number[] = [];
    const delivery = await opened.delivery({
      queue: async (message) => void messages.push(message),
      onFailure: async () => {},
      async target(_, { records }) {
        delivered.push(...records['orders-0']!.map(({ offset }) => offset));
        return { status: 'returned', answer: undefined };
      },
    });
    const act = subscriptionResource(async () => ({ log: opened, delivery }));
    const run = async () => {
      for (let message = messages.shift(); message; message = messages.shift())
        await delivery.run(message, () => 900_000);
    };
    await opened.append('orders', [{ value: 'x' }]);
    await act(eventOf('Create', true));

    // When the message comes while there is no subscription
    await act(off);
    await run();
    expect(delivered).toEqual([]);
    await act(on);
    await run();

    // Then
    expect(delivered).toEqual([0]);
  });
});
