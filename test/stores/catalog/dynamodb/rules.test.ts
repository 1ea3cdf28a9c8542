import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../lib/clock.ts';
import { systemRandom, type TimeId, timeId, timeOf } from '../../../../lib/ids.ts';
import type { Catalog } from '../../../../lib/stores/catalog/catalog.ts';
import { openCatalog } from '../../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { decodeEntry } from '../../../../lib/stores/catalog/dynamodb/entry.ts';
import { createTable, openTable } from '../../../../lib/stores/catalog/dynamodb/table.ts';
import type {
  AppendOutcome,
  NewEntry,
  References,
  TopicIdPartition,
} from '../../../../lib/stores/catalog/partitions.ts';
import { judgeHistory, RIGHT, type Told, walk } from '../../../faults/append-history.ts';
import {
  isAppend,
  isEviction,
  isMark,
  isMarkRemoval,
  isSpill,
  isTrim,
  itemOf,
  withoutClause,
} from '../../../faults/dynamodb.ts';
import {
  type Attributes,
  type Hook,
  lost,
  passOn,
  type Reply,
  type Request,
  through,
} from '../../../faults/transport.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../../../support/dynoxide.ts';

/*
 * The append protocol's rules, each in the situation that it is for: with the rule nothing is lost, doubled or misplaced; with
 * the rule switched off, by a plant between the product and its table, something is. The situations are steps in order, no chance.
 */

const MINUTE = 60_000;

interface Stage {
  at: TopicIdPartition;
  /** A process whose requests pass the hooks. */
  process(mark: 'cancel' | 'self', ...hooks: Hook[]): Promise<Catalog>;
  newEntry(facts?: Partial<NewEntry>): NewEntry;
  /** Appends, and keeps what was told for the verdict. */
  append(by: Catalog, ...entries: NewEntry[]): Promise<AppendOutcome[]>;
  /** So many plain batches in one call; more than 15 make the process roll. */
  fill(by: Catalog, count: number): Promise<void>;
  /** Everybody's wall clock jumps; no timer does. */
  leap(ms: number): void;
  /** As a sweep does: nobody may point to the object any more, and when nobody does, it is deleted. */
  sweep(by: Catalog, id: TimeId): Promise<void>;
}

interface Rule {
  name: string;
  /** The plant lies in each process that the rule binds. */
  situation(stage: Stage, plant: Hook): Promise<unknown>;
  off: Hook;
  damage: Partial<Record<keyof typeof RIGHT | 'dangling' | 'unreadable', number>>;
}

type Which = (request: Request) => boolean;

/** The first request that `which` means, once armed, is kept on its way, and its sender is told nothing; `land` lets it arrive. */
function hold(which: Which, { armed = true } = {}) {
  let waits = armed;
  let held: (() => Promise<Reply>) | undefined;
  const hook: Hook = (request, send) => {
    if (!waits || !which(request)) return send();
    waits = false;
    held = send;
    return lost();
  };
  return {
    hook,
    arm: () => {
      waits = true;
    },
    land: () => {
      if (!held) throw new Error('nothing was held');
      return held();
    },
  };
}

/** Before the first request that `which` means is sent, the process freezes, and others do something. */
function freeze(which: Which, meanwhile: () => Promise<unknown>): Hook {
  let met = false;
  return async (request, send) => {
    if (met || !which(request)) return send();
    met = true;
    await meanwhile();
    return send();
  };
}

/** The first answer to such a request is lost. */
function loseAnswer(which: Which): Hook {
  let met = false;
  return async (request, send) => {
    const reply = await send();
    if (met || !which(request)) return reply;
    met = true;
    return lost();
  };
}

const sendTwice: Hook = async (request, send) => {
  const reply = await send();
  if (isAppend(request)) await send();
  return reply;
};

/** A producer's batch is taken for this process's own, whoever appended it. */
function mistakeProducers(): Hook {
  let ours: Buffer[] = [];
  const batchOf = (wire: Buffer) => JSON.stringify(decodeEntry(wire).producer);
  return async (request, send) => {
    if (isAppend(request)) ours = wiresOf(request.input.ExpressionAttributeValues?.[':l']);
    const reply = await send();
    if (!isMark(request)) return reply;
    const item = itemOf(reply);
    const tail = wiresOf(item.t).map((wire) => {
      const same = ours.find((own) => decodeEntry(own).producer && batchOf(own) === batchOf(wire));
      return Buffer.concat([wire.subarray(0, 2), (same ?? wire).subarray(2, 18), wire.subarray(18)]);
    });
    const shown = { ...item, t: { L: tail.map((wire) => ({ B: wire.toString('base64') })) } };
    return { ...reply, body: Buffer.from(JSON.stringify({ Attributes: shown })) };
  };
}

const wiresOf = (list: Attributes[string] | undefined) => (list?.L ?? []).map(({ B = '' }) => Buffer.from(B, 'base64'));

/** An update of the same item that changes nothing and answers it. */
function withoutEffect(request: Request): Request {
  const {
    ConditionExpression: _,
    ExpressionAttributeNames: __,
    ExpressionAttributeValues: ___,
    ...bare
  } = request.input;
  return { ...request, input: { ...bare, UpdateExpression: 'SET hw = hw' } };
}

/** The mark that cancels an append carries the append's own number, not a fresh one. */
function staleMark(): Hook {
  let own: Attributes[string] = {};
  return (request, send) => {
    const values = request.input.ExpressionAttributeValues ?? {};
    if (isAppend(request)) own = values[':a']!;
    if (!isMark(request)) return send();
    return send({ ...request, input: { ...request.input, ExpressionAttributeValues: { ':f': own } } });
  };
}

const producer = (sequence: number) => ({ producer: { id: 7, epoch: 0, sequence } });

/** Appends and rolls until the producer has left the head. */
async function evict({ leap, fill }: Stage, by: Catalog, seen: () => number): Promise<void> {
  const before = seen();
  for (let tries = 0; seen() === before; tries += 1) {
    if (tries === 10) throw new Error('the producer did not leave the head');
    leap(61 * MINUTE);
    await fill(by, 50);
  }
}

const counting = (which: Which) => {
  let count = 0;
  const hook: Hook = (request, send) => {
    if (which(request)) count += 1;
    return send();
  };
  return { hook, seen: () => count };
};

const RULES: Rule[] = [
  {
    name: 'an append whose answer was lost is not repeated blindly',
    async situation({ process, append, newEntry }, plant) {
      await append(await process('cancel', plant, loseAnswer(isAppend)), newEntry(), newEntry());
    },
    // As the retries of the SDK do.
    off: (request, send) => (isAppend(request) ? send().catch(() => send()) : send()),
    damage: { doubled: 2 },
  },
  {
    name: 'an append that was not answered is cancelled by a mark before it is made anew',
    async situation({ process, append, newEntry }, plant) {
      const { hook, land } = hold(isAppend);
      await append(await process('cancel', plant, hook), newEntry());
      await land();
    },
    off: (request, send) => (isMark(request) ? send(withoutEffect(request)) : send()),
    damage: { doubled: 1 },
  },
  {
    name: 'an append raises the mark itself where requests may be sent twice',
    async situation({ process, append, newEntry }, plant) {
      await append(await process('self', plant, sendTwice), newEntry());
    },
    off: withoutClause(isAppend, '(attribute_not_exists(#X) OR #X < :a) AND '),
    damage: { doubled: 1 },
  },
  {
    name: 'a mark that comes late lowers none',
    async situation({ process, append, newEntry }, plant) {
      const [mark, first, second] = [hold(isMark), hold(isAppend), hold(isAppend)];
      await append(await process('cancel', plant, mark.hook, first.hook, second.hook), newEntry());
      await mark.land();
      await second.land();
    },
    off: withoutClause(isMark, ' AND (attribute_not_exists(#X) OR #X < :f)'),
    damage: { doubled: 1 },
  },
  {
    name: 'a mark carries a fresh number, so that it does not look old while what it cancels is on its way',
    async situation({ process, append, fill, leap, newEntry }, plant) {
      const roller = await process('cancel');
      const { hook, land } = hold(isAppend);
      const slow = freeze(isAppend, async () => leap(16 * MINUTE));
      await append(await process('cancel', plant, slow, hook), newEntry());
      await fill(roller, 20);
      await land();
    },
    off: staleMark(),
    damage: { doubled: 1 },
  },
  {
    name: 'a roll removes no mark that was raised meanwhile',
    async situation({ process, append, fill, leap, newEntry }, plant) {
      const first = hold(isAppend);
      const second = hold(isAppend, { armed: false });
      const door = await process('cancel', first.hook, second.hook);
      await append(door, newEntry());
      leap(16 * MINUTE);
      second.arm();
      const raise = freeze(isMarkRemoval, () => append(door, newEntry()));
      await fill(await process('cancel', raise, plant), 20);
      await second.land();
    },
    off: withoutClause(isMarkRemoval, ' AND #x0 < :lim'),
    damage: { doubled: 1 },
  },
  {
    name: 'a group is decided by its own entries, not by the state of a producer in it',
    async situation({ process, append, newEntry }, plant) {
      const batch = newEntry(producer(0));
      const other = await process('cancel');
      const unsent = hold(isAppend);
      const resent = freeze(isAppend, () => append(other, { ...batch, id: newEntry().id }));
      await append(await process('cancel', plant, resent, unsent.hook), batch, newEntry());
    },
    off: mistakeProducers(),
    damage: { lost: 2 },
  },
  {
    name: 'an unknown producer begins only if none was evicted since it was looked for',
    async situation(stage, plant) {
      const { process, append, newEntry } = stage;
      const evictions = counting(isEviction);
      const other = await process('cancel', evictions.hook);
      const meanwhile = freeze(isAppend, async () => {
        await append(other, newEntry(producer(0)));
        await evict(stage, other, evictions.seen);
      });
      await append(await process('cancel', plant, meanwhile), newEntry(producer(0)));
    },
    off: withoutClause(isAppend, ' AND n = :at'),
    damage: { doubled: 1, disordered: 1 },
  },
  {
    name: 'what is kept of a producer that left is not undone by an earlier state that comes late',
    async situation(stage, plant) {
      const { process, append, newEntry } = stage;
      const spill = hold(isSpill);
      const evictions = counting(isEviction);
      const roller = await process('cancel', evictions.hook, plant, spill.hook);
      await append(roller, newEntry(producer(0)));
      await evict(stage, roller, evictions.seen);
      await append(roller, newEntry(producer(1)));
      await evict(stage, roller, evictions.seen);
      await spill.land();
      await append(roller, newEntry(producer(1)));
    },
    off: withoutClause(isSpill, 'attribute_not_exists(pk) OR b <= :b'),
    damage: { doubled: 1, disordered: 1 },
  },
  {
    name: 'a roller cuts the tail only where it began when the roller saw it',
    async situation({ process, fill, at }, plant) {
      const other = await process('cancel');
      const rolled = freeze(isTrim, async () => {
        // Somebody else's turn comes by chance, once it is overdue.
        for (let tries = 0; (await other.partitions.head(at))!.tail.base === 0; tries += 1) {
          if (tries === 75) throw new Error('nobody rolled');
          await fill(other, 1);
        }
        await fill(other, 10);
      });
      await fill(await process('cancel', plant, rolled), 16);
    },
    off: withoutClause(isTrim, 'tb = :old'),
    damage: { unreadable: 1 },
  },
  {
    name: 'an append is refused once its object may have been swept',
    async situation({ process, append, newEntry, sweep }, plant) {
      const entry = newEntry();
      const other = await process('cancel');
      const swept = freeze(isAppend, () => sweep(other, entry.id));
      const door = await process('cancel', plant, swept);
      const [outcome] = await append(door, entry);
      if (outcome!.status === 'stale') await append(door, newEntry());
    },
    off: withoutClause(isAppend, ' AND gc < :time'),
    damage: { dangling: 1 },
  },
];

describe.skipIf(dynoxideMissing)(`a rule of the append${dynoxideMissing ? ` (${dynoxideMissing})` : ''}`, () => {
  let engine: Dynoxide;
  beforeAll(async () => {
    engine = await startDynoxide();
    await createTable({ client: engine.client, table: 'varve', clock: systemClock });
  });
  afterAll(() => engine?.stop());

  async function play({ situation }: Rule, plant: Hook) {
    let ahead = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
    const opened: Catalog[] = [];
    const process = async (mark: 'cancel' | 'self', ...hooks: Hook[]) => {
      const table = openTable({ client: through(engine.client, ...hooks), table: 'varve', clock });
      const catalog = await openCatalog(table, { clock, random: systemRandom, mark });
      opened.push(catalog);
      return catalog;
    };
    const newEntry = (facts: Partial<NewEntry> = {}): NewEntry => ({
      id: timeId(clock.now(), systemRandom),
      position: 0,
      length: 100,
      crc: 1,
      count: 1,
      maxTimestamp: clock.now(),
      ...facts,
    });
    const told: Told[] = [];
    const swept = new Set<TimeId>();
    const reader = await process('cancel');
    const topic = { name: randomUUID(), id: randomUUID(), partitions: 1, config: {}, created: 0 };
    await reader.topics.create(topic);
    const at = { topicId: topic.id, partition: 0 };
    const append = async (by: Catalog, ...entries: NewEntry[]) => {
      const { outcomes } = await by.partitions.append(at, entries);
      for (const [i, outcome] of outcomes.entries()) told.push({ at, entry: entries[i]!, outcome });
      return outcomes;
    };
    try {
      const stage: Stage = {
        at,
        process,
        newEntry,
        append,
        fill: async (by, count) => void (await append(by, ...Array.from({ length: count }, () => newEntry()))),
        leap: (ms) => {
          ahead += ms;
        },
        async sweep(by, id) {
          await by.partitions.raiseFloor(at, timeOf(id));
          for (let from: number | undefined = 0; from !== undefined; ) {
            const { segments, next }: References = await by.partitions.references(at, from);
            if (segments.includes(id)) return;
            from = next;
          }
          swept.add(id);
        },
      };
      await situation(stage, plant);
      const verdict = await judgeHistory(reader, [at], told).catch(() => ({ ...RIGHT, unreadable: 1 }));
      if ('unreadable' in verdict) return verdict;
      const dangling = (await walk(reader, at)).filter(({ entry }) => swept.has(entry.id)).length;
      return { ...verdict, unreadable: 0, dangling };
    } finally {
      await Promise.all(opened.map((catalog) => catalog.close()));
    }
  }

  describe.each(RULES)('$name:', (rule) => {
    it('with it nothing is lost, doubled or misplaced', async () => {
      const verdict = await play(rule, passOn);

      expect(verdict).toMatchObject({ ...RIGHT, unreadable: 0, dangling: 0, unknown: 0 });
    });

    it('without it something is', async () => {
      expect(await play(rule, rule.off)).toMatchObject(rule.damage);
    });
  });
});
