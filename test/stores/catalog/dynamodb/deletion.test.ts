import { randomUUID } from 'node:crypto';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../lib/clock.ts';
import { systemRandom, timeId, timePrefix } from '../../../../lib/ids.ts';
import type { Catalog } from '../../../../lib/stores/catalog/catalog.ts';
import { openCatalog } from '../../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable, openTable, type TableOptions } from '../../../../lib/stores/catalog/dynamodb/table.ts';
import type { NewEntry, TopicIdPartition } from '../../../../lib/stores/catalog/partitions.ts';
import type { Topic } from '../../../../lib/stores/catalog/topics.ts';
import { sortKeyOf } from '../../../faults/dynamodb.ts';
import { type Hook, lost, passOn, through } from '../../../faults/transport.ts';
import { chunkOf } from '../../../support/chunk.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../../../support/dynoxide.ts';

const HOUR = 3_600_000;

describe.skipIf(dynoxideMissing)(`deletion from DynamoDB${dynoxideMissing ? ` (${dynoxideMissing})` : ''}`, () => {
  let engine: Dynoxide;
  let options: TableOptions;
  let catalog: Catalog;
  const opened: Catalog[] = [];

  beforeAll(async () => {
    engine = await startDynoxide();
    options = { client: engine.client, table: 'varve', clock: systemClock };
    await createTable(options);
    catalog = await openProcess();
  });
  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await engine?.stop();
  });

  async function openProcess(hook: Hook = passOn): Promise<Catalog> {
    const table = openTable({ ...options, client: through(options.client, hook) });
    const process = await openCatalog(table, { clock: systemClock, random: systemRandom });
    opened.push(process);
    return process;
  }

  async function createTopic(partitions = 1): Promise<Topic> {
    const facts = { name: randomUUID(), id: randomUUID(), partitions, config: {}, created: Date.now() };
    return (await catalog.topics.create(facts)) as Topic;
  }
  const partitionOf = ({ id }: Topic, partition = 0): TopicIdPartition => ({ topicId: id, partition });

  const chunk = (facts: Partial<NewEntry> = {}): NewEntry => ({
    id: timeId(Date.now(), systemRandom),
    position: 0,
    length: 700,
    crc: 1,
    count: 1,
    maxTimestamp: Date.now(),
    bytes: systemRandom(700),
    ...facts,
  });

  async function append(at: TopicIdPartition, n: number): Promise<NewEntry[]> {
    const entries = Array.from({ length: n }, () => chunk());
    for (let i = 0; i < n; i += 10) {
      const { outcomes } = await catalog.partitions.append(at, entries.slice(i, i + 10));
      expect(outcomes.every(({ status }) => status === 'appended')).toBe(true);
    }
    return entries;
  }

  /** Sort keys of what the table holds of a topic, by kind. */
  async function held({ id }: Topic): Promise<Record<string, number>> {
    const client = new DynamoDBClient({ ...engine.client });
    const kinds: Record<string, number> = {};
    let from: Record<string, never> | undefined;
    do {
      const page = await client.send(
        new ScanCommand({ TableName: 'varve', ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
      );
      for (const item of page.Items ?? []) {
        if (!item.pk!.S!.includes(id) && item.sk!.S !== id) continue;
        const kind = item.pk!.S!.startsWith('chunk#')
          ? 'chunk'
          : item.sk!.S === id
            ? 'deletion'
            : item.sk!.S!.split('#')[0]!;
        kinds[kind] = (kinds[kind] ?? 0) + 1;
      }
      from = page.LastEvaluatedKey as typeof from;
    } while (from);
    client.destroy();
    return kinds;
  }

  it('frees all that a partition held, but for its head', async () => {
    const topic = await createTopic();
    const at = partitionOf(topic);
    await append(at, 60);
    expect(await held(topic)).toMatchObject({ head: 1, chunk: 60, page: expect.any(Number) });

    await catalog.partitions.raiseLogStart(at, 60);
    while (await catalog.partitions.trim(at));

    expect(await held(topic)).toEqual({ head: 1 });
  });

  it('asks for the head alone where nothing is left to trim', async () => {
    const topic = await createTopic();
    const at = partitionOf(topic);
    await append(at, 60);
    await catalog.partitions.raiseLogStart(at, 60);
    while (await catalog.partitions.trim(at));
    const asked: string[] = [];
    const watched = await openProcess((request, send) => {
      asked.push(request.operation);
      return send();
    });
    asked.length = 0;

    expect(await watched.partitions.trim(at)).toBe(false);

    expect(asked).toEqual(['GetItem']);
  });

  it('goes on where a trim ended that died between any two requests', async () => {
    const topic = await createTopic();
    const at = partitionOf(topic);
    const entries = await append(at, 60);
    await catalog.partitions.raiseLogStart(at, 55);

    for (let last = 0; ; last += 9) {
      // A process that dies after so many deletions.
      let deletions = 0;
      const dying = await openProcess((request, send) => {
        if (request.operation === 'DeleteItem' && deletions++ >= last) return new Promise(() => {});
        return send();
      });
      const done = await Promise.race([
        dying.partitions.trim(at).then((more) => !more),
        new Promise<'dead'>((resolve) => {
          const look = setInterval(() => {
            if (deletions <= last) return;
            clearInterval(look);
            resolve('dead');
          }, 5);
        }),
      ]);
      opened.splice(opened.indexOf(dying), 1);
      const head = (await catalog.partitions.head(at))!;
      for (let offset = 55; offset < 60; offset++) {
        const run = (await catalog.partitions.find(at, offset, head))!;
        expect(run.entries[offset - run.base]!.id).toBe(entries[offset]!.id);
        expect(await chunkOf(catalog, at, entries[offset]!.id)).toBeDefined();
      }
      if (done === true) break;
    }

    while (await catalog.partitions.trim(at));
    const { chunk: chunks } = await held(topic);
    const { oldestChunk } = await catalog.partitions.references(at, 0);
    expect(oldestChunk).toBeDefined();
    // At most what shares a page with what is still readable.
    expect(chunks).toBeLessThan(5 + 48);
  });

  it('meets lost answers and loses nothing by them', async () => {
    const topic = await createTopic();
    const at = partitionOf(topic);
    const entries = await append(at, 50);
    let n = 0;
    const unlucky = await openProcess(async (request, send) => {
      const answer = await send();
      return request.operation !== 'GetItem' && ++n % 3 === 0 ? lost() : answer;
    });

    await unlucky.partitions.raiseLogStart(at, 40);
    while (await unlucky.partitions.trim(at));

    expect(await catalog.partitions.head(at)).toMatchObject({ logStart: 40, trimmed: 40, highWatermark: 50 });
    for (const entry of entries.slice(40)) expect(await chunkOf(catalog, at, entry.id)).toBeDefined();
  });

  describe('chunks that no entry points to', () => {
    /** A batch that comes twice: the second one's bytes are put before the producer is seen to have sent it. */
    async function orphan(at: TopicIdPartition, age: number): Promise<NewEntry> {
      const producer = { id: 1, epoch: 0, sequence: 0 };
      await catalog.partitions.append(at, [chunk({ producer })]);
      const twin = chunk({ producer, id: timeId(Date.now() - age, systemRandom) });
      const other = await openProcess();
      expect((await other.partitions.append(at, [twin])).outcomes).toMatchObject([{ status: 'duplicate' }]);
      expect(await chunkOf(catalog, at, twin.id)).toBeDefined();
      return twin;
    }

    it('go once they are older than all that the partition points to', async () => {
      const topic = await createTopic();
      const at = partitionOf(topic);
      const old = await orphan(at, 2 * HOUR);
      const entries = await append(at, 30);
      await catalog.partitions.raiseFloor(at, Date.now() - HOUR);
      const { oldestChunk } = await catalog.partitions.references(at, 0);

      while (await catalog.partitions.dropChunks(at, [oldestChunk!, timePrefix(Date.now() - HOUR + 1)].sort()[0]!));

      expect(await chunkOf(catalog, at, old.id)).toBeUndefined();
      for (const { id } of entries) expect(await chunkOf(catalog, at, id)).toBeDefined();
    });

    it('cannot be pointed to after that, by an appender that was frozen since it put them', async () => {
      const topic = await createTopic();
      const at = partitionOf(topic);
      let thaw = () => {};
      let isFrozen = () => {};
      const frozen = new Promise<void>((resolve) => (isFrozen = resolve));
      const slow = await openProcess(async (request, send) => {
        if (request.input.UpdateExpression?.includes('list_append')) {
          isFrozen();
          await new Promise<void>((resolve) => (thaw = resolve));
        }
        return send();
      });
      const late = chunk({ id: timeId(Date.now() - 2 * HOUR, systemRandom) });
      const appending = slow.partitions.append(at, [late]);
      await frozen;
      const floor = Date.now() - HOUR;

      await catalog.partitions.raiseFloor(at, floor);
      expect((await catalog.partitions.references(at, 0)).oldestChunk).toBeUndefined();
      while (await catalog.partitions.dropChunks(at, timePrefix(floor + 1)));
      thaw();

      expect((await appending).outcomes).toEqual([{ status: 'stale', floor }]);
      expect(await held(topic)).toEqual({ head: 1 });
    });
  });

  describe('a deleted topic', () => {
    it('leaves nothing once it is purged', async () => {
      const topic = await createTopic(3);
      for (const partition of [0, 1, 2]) await append(partitionOf(topic, partition), 30);
      await catalog.topics.delete(topic);
      expect(await held(topic)).toMatchObject({ deletion: 1, chunk: 90 });

      while (await catalog.topics.purge(Date.now() + 1));

      expect(await held(topic)).toEqual({});
    });

    it('is purged of what came late as long as it is young', async () => {
      const topic = await createTopic();
      await append(partitionOf(topic), 5);
      await catalog.topics.delete(topic);

      expect(await catalog.topics.purge(Date.now() - HOUR)).toBe(false);
      expect(await held(topic)).toMatchObject({ deletion: 1, chunk: 5 });
      // An appender that has not heard of it.
      const { outcomes } = await catalog.partitions.append(partitionOf(topic), [chunk()]);
      expect(outcomes).toMatchObject([{ status: 'refused' }]);
      while (await catalog.topics.purge(Date.now() + 1));

      expect(await held(topic)).toEqual({});
    });

    it('loses its heads though whoever deleted it died before', async () => {
      const topic = await createTopic(4);
      const dying = await openProcess((request, send) =>
        request.operation === 'DeleteItem' && sortKeyOf(request) === 'head' ? new Promise(() => {}) : send(),
      );
      void dying.topics.delete(topic).catch(() => {});
      await expect.poll(() => catalog.topics.get(topic.name)).toBeUndefined();
      opened.splice(opened.indexOf(dying), 1);
      expect((await held(topic)).head).toBe(4);

      await catalog.topics.purge(Date.now() - HOUR);

      expect(await held(topic)).toEqual({ deletion: 1 });
      expect((await catalog.partitions.append(partitionOf(topic, 3), [chunk()])).outcomes).toMatchObject([
        { status: 'refused', code: 'UNKNOWN_TOPIC_OR_PARTITION' },
      ]);
    });

    it('is purged bit by bit, by one after the other', async () => {
      const topic = await createTopic(34);
      for (const partition of [0, 33]) await append(partitionOf(topic, partition), 10);
      await catalog.topics.delete(topic);

      let calls = 1;
      while (await (await openProcess()).topics.purge(Date.now() + 1)) calls += 1;

      expect(calls).toBe(2);
      expect(await held(topic)).toEqual({});
    });

    it('that was growing when it was deleted keeps no head of its growth', async () => {
      const topic = await createTopic(1);
      const slow = await openProcess(async (request, send) => {
        // Deleted between the heads of the growth and the topic that would count them.
        if (request.operation === 'PutItem' && request.input.Item?.pk?.S === 'topics')
          await catalog.topics.delete(topic);
        return send();
      });

      expect(await slow.topics.update(topic, { partitions: 3, config: {} })).toBe('conflict');

      expect(await held(topic)).toEqual({ deletion: 1 });
    });
  });
});
