import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../lib/clock.ts';
import { systemRandom, timeId } from '../../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../../lib/log/broker-config.ts';
import { createLog } from '../../../../lib/log/log.ts';
import { awsPrices } from '../../../../lib/log/placement.ts';
import { type DynamodbOptions, openDynamodb } from '../../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable } from '../../../../lib/stores/catalog/dynamodb/table.ts';
import { openMemory } from '../../../../lib/stores/objects/memory.ts';
import { failure, isAppend, isWrite } from '../../../faults/dynamodb.ts';
import { type Hook, lost, type Reply, type Request, through } from '../../../faults/transport.ts';
import { travelClock } from '../../../support/clock.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../../../support/dynoxide.ts';
import { poll } from '../../../support/poll.ts';

const throttled = () => Promise.resolve(failure(400, 'ProvisionedThroughputExceededException'));

/** The first answer to each such request is lost. */
const losingAnswers = (which: (request: Request) => boolean): Hook => {
  const met = new Set<string>();
  return async (request, send) => {
    const reply = await send();
    const first = which(request) && !met.has(request.operation);
    met.add(request.operation);
    return first ? lost() : reply;
  };
};

/** Every write first meets a transaction of somebody else's. */
const conflicting: Hook = (() => {
  const met = new Set<string>();
  return (request, send) => {
    const { pk, sk } = request.input.Key ?? request.input.Item ?? {};
    const same = `${request.operation} ${pk?.S} ${sk?.S}`;
    if (!isWrite(request) || met.has(same)) return send();
    met.add(same);
    if (request.operation !== 'TransactWriteItems')
      return Promise.resolve(failure(400, 'TransactionConflictException'));
    return Promise.resolve(
      failure(400, 'TransactionCanceledException', { CancellationReasons: [{ Code: 'TransactionConflict' }] }),
    );
  };
})();

describe.skipIf(dynoxideMissing)(`in trouble, DynamoDB${dynoxideMissing ? ` (${dynoxideMissing})` : ''}`, () => {
  let engine: Dynoxide;
  beforeAll(async () => {
    engine = await startDynoxide();
    await createTable({ client: engine.client, table: 'varve', clock: systemClock });
  });
  afterAll(() => engine?.stop());

  const open = (hook: Hook, clock: Clock = systemClock) => {
    const client = through(engine.client, hook);
    const options: DynamodbOptions = { client, table: 'varve', clock, random: systemRandom };
    return openDynamodb(options);
  };
  const newTopic = (partitions = 1) => ({
    name: randomUUID(),
    id: randomUUID(),
    partitions,
    config: {},
    created: Date.now(),
    revision: 1,
  });
  const newEntry = () => ({
    id: timeId(Date.now(), systemRandom),
    position: 0,
    length: 100,
    crc: 1,
    count: 1,
    maxTimestamp: Date.now(),
  });

  it('loses the answers to a topic’s creation, growth and deletion: each is done, and told so', async () => {
    // The clock moves between a request and its repetition, which must be the same all the same.
    let ticks = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + ticks++ };
    const catalog = await open(losingAnswers(isWrite), clock);
    const topic = newTopic(3);

    const created = await catalog.topics.create(topic);
    const grown = created !== 'taken' && (await catalog.topics.update(created, { partitions: 5, config: {} }));

    expect(created).toMatchObject({ id: topic.id, revision: 1 });
    expect(grown).toMatchObject({ partitions: 5, revision: 2 });
    const again = await open(losingAnswers(isWrite), clock);
    expect(await again.topics.delete(topic)).toBe(true);
    expect(await again.topics.get(topic.name)).toBeUndefined();
    await Promise.all([catalog.close(), again.close()]);
  });

  it('has a transaction running on whatever is written: it is written all the same', async () => {
    const catalog = await open(conflicting);
    const topic = newTopic(2);
    const at = { topicId: topic.id, partition: 1 };
    const lease = `lease-${topic.id}`;

    expect(await catalog.topics.create(topic)).toMatchObject({ partitions: 2 });
    expect((await catalog.partitions.append(at, [newEntry(), newEntry()])).outcomes).toEqual([
      { status: 'appended', base: 0 },
      { status: 'appended', base: 1 },
    ]);
    expect(
      await catalog.groups.commit('g', 1, [{ topic: topic.name, topicId: topic.id, partition: 1, offset: 2 }]),
    ).toBe('committed');
    expect(await catalog.leases.acquire(lease, 'me', 0, 10)).toMatchObject({ epoch: 1 });
    expect(await catalog.topics.delete(topic)).toBe(true);
    await catalog.close();
  });

  it('throttles an append once that a stale entry follows: what came before the stale one is appended', async () => {
    let appends = 0;
    const catalog = await open((request, send) => (isAppend(request) && appends++ === 0 ? throttled() : send()));
    const topic = newTopic();
    const at = { topicId: topic.id, partition: 0 };
    await catalog.topics.create(topic);
    const floor = Date.now();
    await catalog.partitions.raiseFloor(at, floor);
    const withTime = (time: number) => ({ ...newEntry(), id: timeId(time, systemRandom) });

    const { outcomes } = await catalog.partitions.append(at, [floor + 1, floor, floor + 2].map(withTime));

    expect(outcomes).toEqual([
      { status: 'appended', base: 0 },
      { status: 'stale', floor },
      { status: 'stale', floor },
    ]);
    await catalog.close();
  });

  it('throttles reads without end: THROTTLING_QUOTA_EXCEEDED, which is retriable, after eight tries', async () => {
    let isThrottled = false;
    let tries = 0;
    const catalog = await open((_, send) => {
      if (!isThrottled) return send();
      tries += 1;
      return throttled();
    });
    isThrottled = true;

    await expect(catalog.topics.get('t')).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true });
    expect(tries).toBe(8);
    await catalog.close();
  });

  it('throttles appends without end: the caller is told THROTTLING_QUOTA_EXCEEDED, and nothing is appended', async () => {
    const clock = travelClock();
    let tries = 0;
    const catalog = await open((request, send) => {
      if (!isAppend(request)) return send();
      tries += 1;
      return throttled();
    }, clock);
    const log = createLog({
      catalog,
      objects: openMemory(),
      clock,
      random: systemRandom,
      prices: awsPrices,
      brokerConfig: parseBrokerConfig([]),
    });
    const name = randomUUID();
    await log.topics.create(name, { partitions: 1 });

    const append = log.append(name, [{ value: 'x' }]);
    append.catch(() => {});
    await poll('a second try', 5_000, () => (tries > 1 ? true : undefined));
    clock.advance(21_000);

    await expect(append).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true });
    expect((await log.fetch(name, 0, 0)).highWatermark).toBe(0);
    await log.close();
  });

  it('delivers the renewal of a lease late: it does not take back what a later one gave', async () => {
    let land: (() => Promise<Reply>) | undefined;
    const catalog = await open((request, send) => {
      if (land || request.input.UpdateExpression !== 'SET ex = :ex') return send();
      land = send;
      return lost();
    });
    const { leases } = catalog;
    const lease = (await leases.acquire(randomUUID(), 'me', 0, 1_000))!;
    await leases.renew(lease, 2_000);
    await leases.renew(lease, 3_000);

    await land!();

    expect(await leases.get(lease.name)).toMatchObject({ owner: 'me', expires: 3_000 });
    expect(await leases.acquire(lease.name, 'other', 2_500, 9_000)).toBeUndefined();
    await catalog.close();
  });

  it('breaks after a read was asked, and after an append was: the read is asked again, the append is not', async () => {
    const asked: string[] = [];
    const catalog = await open(async (request, send) => {
      const kind = isAppend(request) ? 'append' : request.operation === 'GetItem' ? 'read' : 'other';
      asked.push(kind);
      const reply = await send();
      return kind !== 'other' && asked.filter((each) => each === kind).length === 1 ? lost() : reply;
    });
    const topic = newTopic();
    await catalog.topics.create(topic);

    expect(asked.slice(0, 2)).toEqual(['read', 'read']);
    const { outcomes } = await catalog.partitions.append({ topicId: topic.id, partition: 0 }, [newEntry()]);
    expect(outcomes).toEqual([{ status: 'appended', base: 0 }]);
    expect(asked.filter((kind) => kind === 'append')).toHaveLength(1);
    await catalog.close();
  });
});
