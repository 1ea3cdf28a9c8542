import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../lib/clock.ts';
import { systemRandom, timeId } from '../../../../lib/ids.ts';
import type { Catalog } from '../../../../lib/stores/catalog/catalog.ts';
import { openCatalog } from '../../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { key } from '../../../../lib/stores/catalog/dynamodb/keys.ts';
import { createTable, openTable, type TableOptions } from '../../../../lib/stores/catalog/dynamodb/table.ts';
import type { Entry, NewEntry, TopicIdPartition } from '../../../../lib/stores/catalog/partitions.ts';
import { judgeHistory } from '../../../faults/append-history.ts';
import { errorOf, failure, isAppend, isMark, sortKeyOf } from '../../../faults/dynamodb.ts';
import { type Hook, lost, passOn, type Reply, type Request, through } from '../../../faults/transport.ts';
import { travelClock } from '../../../support/clock.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../../../support/dynoxide.ts';
import { poll } from '../../../support/poll.ts';

const throttled = () => Promise.resolve(failure(400, 'ThrottlingException'));

const newEntry = (facts: Partial<NewEntry> = {}): NewEntry => ({
  id: timeId(Date.now(), systemRandom),
  position: 0,
  length: 100,
  crc: 1,
  count: 1,
  maxTimestamp: Date.now(),
  ...facts,
});
const batch = (id: number, sequence: number) => newEntry({ producer: { id, epoch: 0, sequence } });
const appendedAt = (base: number) => ({ status: 'appended', base });

describe.skipIf(dynoxideMissing)(`an append to DynamoDB${dynoxideMissing ? ` (${dynoxideMissing})` : ''}`, () => {
  let engine: Dynoxide;
  let options: TableOptions;
  const opened: Catalog[] = [];

  beforeAll(async () => {
    engine = await startDynoxide();
    options = { client: engine.client, table: 'varve', clock: systemClock };
    await createTable(options);
  });
  afterAll(async () => {
    await Promise.all(opened.map((catalog) => catalog.close()));
    await engine?.stop();
  });

  /** A process whose requests pass the hook. */
  async function openProcess(hook: Hook = passOn, mark: 'cancel' | 'self' = 'cancel', clock: Clock = systemClock) {
    const catalog = await openCatalog(openTable({ ...options, clock, client: through(options.client, hook) }), {
      clock,
      random: systemRandom,
      mark,
    });
    opened.push(catalog);
    return catalog;
  }

  async function createPartition(catalog: Catalog): Promise<TopicIdPartition> {
    const topic = { name: randomUUID(), id: randomUUID(), partitions: 1, config: {}, created: 0 };
    await catalog.topics.create(topic);
    return { topicId: topic.id, partition: 0 };
  }

  const outcomes = async (catalog: Catalog, at: TopicIdPartition, ...entries: NewEntry[]) =>
    (await catalog.partitions.append(at, entries)).outcomes;

  async function idsOf(at: TopicIdPartition): Promise<string[]> {
    const catalog = await openProcess();
    const head = (await catalog.partitions.head(at))!;
    const ids: string[] = [];
    for (let offset = 0; offset < head.highWatermark; ) {
      const run = (await catalog.partitions.find(at, offset, head))!;
      let base = run.base;
      for (const entry of run.entries) {
        if (base === offset) {
          ids.push(entry.id);
          offset += entry.count;
        }
        base += entry.count;
      }
    }
    return ids;
  }

  /** Does something else with the first append than to send it. */
  const onFirstAppend = (instead: Hook): Hook => {
    let met = false;
    return (request, send) => {
      if (met || !isAppend(request)) return send();
      met = true;
      return instead(request, send);
    };
  };

  for (const mark of ['cancel', 'self'] as const) {
    describe(`with the ${mark} mark`, () => {
      it('whose answer is lost is found by its own entries', async () => {
        const process = await openProcess(
          onFirstAppend(async (_, send) => {
            await send();
            return lost();
          }),
          mark,
        );
        const at = await createPartition(process);
        const entries = [newEntry({ count: 3 }), batch(1, 0), newEntry()];

        expect(await outcomes(process, at, ...entries)).toEqual([appendedAt(0), appendedAt(3), appendedAt(4)]);

        expect(await idsOf(at)).toEqual(entries.map((entry) => entry.id));
      });

      it('that never arrived is appended anew', async () => {
        const process = await openProcess(
          onFirstAppend(async () => lost()),
          mark,
        );
        const at = await createPartition(process);
        const entry = newEntry();

        expect(await outcomes(process, at, entry)).toEqual([appendedAt(0)]);

        expect(await idsOf(at)).toEqual([entry.id]);
      });

      it('that arrives after it was given up is refused', async () => {
        let land: (() => Promise<Reply>) | undefined;
        const process = await openProcess(
          onFirstAppend(async (_, send) => {
            land = send;
            return lost();
          }),
          mark,
        );
        const at = await createPartition(process);
        const entry = newEntry();
        expect(await outcomes(process, at, entry)).toEqual([appendedAt(0)]);

        expect(errorOf(await land!())).toBe('ConditionalCheckFailedException');

        expect(await idsOf(at)).toEqual([entry.id]);
      });

      it('whose answer is lost is found in pages when others rolled it', async () => {
        const other = await openProcess();
        const at = await createPartition(other);
        const process = await openProcess(
          onFirstAppend(async (_, send) => {
            await send();
            for (let i = 0; i < 3; i += 1) {
              await outcomes(other, at, ...Array.from({ length: 20 }, () => newEntry()));
            }
            return lost();
          }),
          mark,
        );
        await outcomes(other, at, newEntry());

        expect(await outcomes(process, at, newEntry(), newEntry())).toEqual([appendedAt(1), appendedAt(2)]);

        expect(await idsOf(at)).toHaveLength(63);
      });

      it('is decided by its own entries, not by what another door did for its producer', async () => {
        const other = await openProcess();
        const at = await createPartition(other);
        const sequenced = batch(1, 0);
        const process = await openProcess(
          onFirstAppend(async () => {
            await outcomes(other, at, { ...sequenced, id: newEntry().id });
            return lost();
          }),
          mark,
        );

        expect(await outcomes(process, at, sequenced, newEntry())).toEqual([
          { status: 'duplicate', base: 0 },
          appendedAt(1),
        ]);
      });
    });
  }

  it('with the cancel mark whose answer is lost, and whose place was compacted, stays unknown', async () => {
    const other = await openProcess();
    const at = await createPartition(other);
    const process = await openProcess(
      onFirstAppend(async () => {
        await outcomes(other, at, newEntry({ count: 5 }));
        const head = (await other.partitions.head(at))!;
        const entries = head.tail.entries.map((entry): Entry => ({ ...entry, id: newEntry().id }));
        await other.partitions.advanceFrontier(at, head, { base: 0, entries, level: 1 });
        return lost();
      }),
    );

    expect(await outcomes(process, at, newEntry())).toMatchObject([{ status: 'unknown' }]);

    expect(await idsOf(at)).toHaveLength(1);
  });

  it('that is throttled or in conflict is sent again', async () => {
    let refusals = 0;
    const process = await openProcess((request, send) => {
      if (isAppend(request) && refusals++ < 5) return throttled();
      return send();
    });
    const at = await createPartition(process);

    expect(await outcomes(process, at, newEntry())).toEqual([appendedAt(0)]);
    expect(refusals).toBe(6);
  });

  it('that cannot be decided before its signal aborts is unknown, at once', async () => {
    let sends = 0;
    const process = await openProcess(async (request, send) => {
      if (!isAppend(request) && !isMark(request)) return send();
      sends += 1;
      return lost();
    });
    const at = await createPartition(process);
    const abort = new AbortController();
    const answer = process.partitions.append(at, [newEntry(), newEntry()], { signal: abort.signal });

    await poll('a mark', 5_000, () => (sends > 1 ? true : undefined));
    abort.abort(new Error('the caller left'));

    const unknown = { status: 'unknown', cause: abort.signal.reason };
    expect((await answer).outcomes).toEqual([unknown, unknown]);
  });

  it('under a signal that has aborted is not sent', async () => {
    const seen: Request[] = [];
    const process = await openProcess((request, send) => {
      seen.push(request);
      return send();
    });
    const at = await createPartition(process);

    const { outcomes } = await process.partitions.append(at, [newEntry()], { signal: AbortSignal.abort() });

    expect(outcomes).toMatchObject([{ status: 'unknown' }]);
    expect(seen.filter(isAppend)).toEqual([]);
    expect((await process.partitions.append(at, [newEntry()])).outcomes).toEqual([appendedAt(0)]);
  });

  it('that there is no right to says so, without more ado', async () => {
    let sends = 0;
    const process = await openProcess(async (request, send) => {
      if (!isAppend(request)) return send();
      sends += 1;
      return failure(400, 'AccessDeniedException');
    });
    const at = await createPartition(process);

    expect(await outcomes(process, at, newEntry())).toMatchObject([
      { status: 'unknown', cause: { code: 'CLUSTER_AUTHORIZATION_FAILED', retriable: false } },
    ]);
    expect(sends).toBe(1);
  });

  it('waits for the one in flight, and carries all that gathered meanwhile', async () => {
    let inFlight = 0;
    let most = 0;
    let sends = 0;
    const process = await openProcess(async (request, send) => {
      if (!isAppend(request)) return send();
      sends += 1;
      inFlight += 1;
      most = Math.max(most, inFlight);
      const answer = await send();
      inFlight -= 1;
      return answer;
    });
    const at = await createPartition(process);
    const entries = Array.from({ length: 60 }, () => newEntry({ count: 2 }));

    const answers = await Promise.all(entries.map((entry) => outcomes(process, at, entry)));

    expect(answers).toEqual(entries.map((_, i) => [appendedAt(i * 2)]));
    expect(most).toBe(1);
    expect(sends).toBeLessThanOrEqual(3);
  });

  it('of more producers than a condition has room for is split', async () => {
    const conditions: number[] = [];
    const process = await openProcess((request, send) => {
      if (isAppend(request)) conditions.push(request.input.ConditionExpression!.length);
      return send();
    });
    const at = await createPartition(process);
    for (const sequence of [0, 1]) {
      const entries = Array.from({ length: 150 }, (_, id) => batch(id, sequence));
      expect(await outcomes(process, at, ...entries)).toEqual(entries.map((_, i) => appendedAt(sequence * 150 + i)));
    }

    expect(Math.max(...conditions)).toBeLessThanOrEqual(4_096);
    expect(conditions.length).toBeGreaterThanOrEqual(4);
  });

  it('finds its way past a process whose rolls all fail', async () => {
    const lame = await openProcess((request, send) =>
      request.operation === 'PutItem' && sortKeyOf(request).startsWith('page#')
        ? Promise.resolve(failure(400, 'AccessDeniedException'))
        : send(),
    );
    const at = await createPartition(lame);
    const told = [];
    for (let i = 0; i < 5; i += 1) {
      const entries = Array.from({ length: 20 }, () => newEntry());
      for (const [n, outcome] of (await outcomes(lame, at, ...entries)).entries())
        told.push({ at, entry: entries[n]!, outcome });
    }
    expect((await lame.partitions.head(at))!.tail.entries.length).toBeGreaterThanOrEqual(96);

    const other = await openProcess();
    const entry = newEntry();
    told.push({ at, entry, outcome: (await outcomes(other, at, entry))[0]! });

    expect(told.at(-1)!.outcome).toEqual(appendedAt(100));
    expect((await other.partitions.head(at))!.tail.entries.length).toBeLessThan(96);
    expect(await judgeHistory(other, [at], told)).toMatchObject({ doubled: 0, lost: 0, wrong: 0 });
  });

  it('of a producer that left the head twice is judged by the later state, also when the earlier spill lands late', async () => {
    const clock = travelClock();
    const spills: (() => Promise<unknown>)[] = [];
    const process = await openProcess(
      (request, send) => {
        if (request.operation === 'PutItem' && sortKeyOf(request).startsWith('producer#')) spills.push(send);
        return send();
      },
      'cancel',
      clock,
    );
    const at = await createPartition(process);
    const letItLeave = async () => {
      const before = spills.length;
      for (let hours = 0; spills.length === before; hours += 2) {
        expect(hours).toBeLessThan(20);
        clock.advance(2 * 3_600_000);
        await outcomes(process, at, ...Array.from({ length: 40 }, () => newEntry()));
      }
    };
    await outcomes(process, at, batch(1, 0));
    await letItLeave();
    const next = await outcomes(process, at, batch(1, 1));
    await letItLeave();

    await spills[0]!();

    expect(spills).toHaveLength(2);
    expect(await outcomes(process, at, batch(1, 1))).toEqual([{ ...next[0], status: 'duplicate' }]);
    expect(await outcomes(process, at, batch(1, 2))).toMatchObject([{ status: 'appended' }]);
  });

  it('costs about 1.1 write units, its share of rolling included', async () => {
    let units = 0;
    const metered = openTable({
      ...options,
      onUnits: (operation, used) => {
        if (operation === 'update' || operation === 'put') units += used;
      },
    });
    const catalog = await openCatalog(metered, { clock: systemClock, random: systemRandom });
    opened.push(catalog);
    const at = await createPartition(catalog);
    units = 0;

    for (let i = 0; i < 200; i += 1) await outcomes(catalog, at, newEntry({ position: i * 1_000, length: 20_000 }));

    expect(units / 200).toBeGreaterThan(1);
    expect(units / 200).toBeLessThan(1.25);
  });
});

describe.skipIf(dynoxideMissing)(`a table${dynoxideMissing ? ` (${dynoxideMissing})` : ''}`, () => {
  it('written by a newer version is refused, and keeps its cluster id for everybody', async () => {
    const engine = await startDynoxide();
    try {
      const options = { client: engine.client, table: 'varve', clock: systemClock };
      await createTable(options);
      const open = () => openCatalog(openTable(options), { clock: systemClock, random: systemRandom });
      const [one, other] = await Promise.all([open(), open()]);
      expect(one.clusterId).toMatch(/^[\w-]{22}$/);
      expect(other.clusterId).toBe(one.clusterId);
      await Promise.all([one.close(), other.close()]);

      const table = openTable(options);
      await table.put({ item: { ...key.format(), version: 2, clusterId: one.clusterId } });
      table.close();

      await expect(open()).rejects.toMatchObject({ code: 'DATA_FORMAT_TOO_NEW' });
    } finally {
      await engine.stop();
    }
  });
});
