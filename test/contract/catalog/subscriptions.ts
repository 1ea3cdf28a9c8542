import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DeliveryOf, DeliveryState, Subscription } from '../../../lib/stores/catalog/subscriptions.ts';
import { freshName, type Subject } from './subject.ts';

function subscription(facts: Partial<Subscription> = {}): Subscription {
  return {
    topic: freshName('topic'),
    name: freshName('subscription'),
    group: 'billing',
    target: 'arn:aws:lambda:eu-central-1:111122223333:function:käse',
    targetTimeout: 3_000,
    enabled: true,
    batchSize: 100,
    maxBatchingWindow: 0,
    retryAttempts: -1,
    maxRecordAge: -1,
    bisectBatchOnError: false,
    parallelizationFactor: 1,
    reportBatchItemFailures: true,
    ...facts,
  };
}

export function subscriptionsContract(subject: () => Subject): void {
  const listed = async (...topics: string[]) =>
    (await subject().catalog.subscriptions.list()).filter(({ topic }) => topics.includes(topic));
  const delivery = (): DeliveryOf => ({ subscription: freshName('s'), topicId: randomUUID(), partition: 7 });

  describe('a subscription', () => {
    it('is listed as it was put, by topic and name, until it is deleted', async () => {
      const { subscriptions } = subject().catalog;
      const [a, b] = [freshName('a'), freshName('b')];
      const all = [
        subscription({ topic: a, name: 'one', onFailure: 'arn:aws:sqs:eu-central-1:111122223333:dead' }),
        subscription({ topic: a, name: 'two', enabled: false }),
        subscription({ topic: b, name: 'one' }),
      ];

      for (const one of all.toReversed()) await subscriptions.put(one);

      expect(await listed(a, b)).toEqual(all);
      expect(await subscriptions.delete(a, 'one')).toBe(true);
      expect(await listed(a, b)).toEqual(all.slice(1));
      expect(await subscriptions.delete(a, 'one')).toBe(false);
    });

    it('that is put again is replaced, and keeps the state of its deliveries', async () => {
      const { subscriptions } = subject().catalog;
      const one = subscription();
      const of = { ...delivery(), subscription: one.name };
      await subscriptions.put(one);
      await subscriptions.swap(of, 0, { status: 'queued', until: 5 });

      await subscriptions.put({ ...one, batchSize: 7 });

      expect(await listed(one.topic)).toEqual([{ ...one, batchSize: 7 }]);
      expect(await subscriptions.state(of)).toEqual({ status: 'queued', until: 5, version: 1 });
    });

    it('that is deleted leaves no state of its deliveries', async () => {
      const { subscriptions } = subject().catalog;
      const one = subscription();
      await subscriptions.put(one);
      const all = Array.from({ length: 5 }, (_, partition) => ({ ...delivery(), subscription: one.name, partition }));
      for (const of of all) await subscriptions.swap(of, 0, { status: 'idle', until: 0 });

      await subscriptions.delete(one.topic, one.name);

      for (const of of all) expect(await subscriptions.state(of)).toBe(undefined);
    });
  });

  describe('the state of a delivery', () => {
    it('is what was swapped in last, under a version that rises', async () => {
      const { subscriptions } = subject().catalog;
      const of = delivery();
      const progress = { committed: 2 ** 40, shares: [{ offset: 2 ** 40, attempts: 3, limit: 5, due: 2 ** 41 }] };
      const states: DeliveryState[] = [
        { status: 'queued', until: 1_000 },
        { status: 'running', until: 2_000, run: 'a', wanted: true },
        { status: 'queued', until: 3_000, progress },
      ];
      expect(await subscriptions.state(of)).toBe(undefined);

      for (const [version, state] of states.entries()) {
        expect(await subscriptions.swap(of, version, state)).toBe(true);
        expect(await subscriptions.state(of)).toEqual({ ...state, version: version + 1 });
      }

      expect(await subscriptions.swap(of, 0, states[0]!)).toBe(false);
      expect(await subscriptions.swap(of, 2, states[0]!)).toBe(false);
      expect(await subscriptions.swap(of, 4, states[0]!)).toBe(false);
      expect(await subscriptions.state(of)).toEqual({ ...states[2], version: 3 });
      expect(await subscriptions.state({ ...of, partition: 8 })).toBe(undefined);
      expect(await (await subject().reopen()).subscriptions.state(of)).toEqual({ ...states[2], version: 3 });
    });

    it('goes to one of those who swap at once', async () => {
      const catalogs = [subject().catalog, await subject().another()];
      const of = delivery();

      for (const version of [0, 1]) {
        const won = await Promise.all(
          Array.from({ length: 16 }, (_, i) =>
            catalogs[i % 2]!.subscriptions.swap(of, version, { status: 'running', until: 1, run: `${i}` }),
          ),
        );

        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await subject().catalog.subscriptions.state(of)).toMatchObject({
          run: `${won.indexOf(true)}`,
          version: version + 1,
        });
      }
    });
  });
}
