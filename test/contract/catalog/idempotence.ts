import { describe, expect, it } from 'vitest';
import type { NewEntry, TopicIdPartition } from '../../../lib/stores/catalog/partitions.ts';
import {
  append,
  compacted,
  createPartition,
  entriesOf,
  headOf,
  newEntry,
  producerEntry,
  type Subject,
  shuffled,
} from './subject.ts';

const HOUR = 3_600_000;
const refused = (code: string) => ({ status: 'refused', code });
const duplicate = (base: number) => ({ status: 'duplicate', base });

export function idempotenceContract(subject: () => Subject): void {
  const of = (id: number, epoch: number, sequence: number, facts: Partial<NewEntry> = {}) =>
    producerEntry(subject(), id, epoch, sequence, facts);
  const outcomesOf = async (at: TopicIdPartition, ...entries: NewEntry[]) =>
    (await subject().catalog.partitions.append(at, entries)).outcomes;
  const outcomeOf = async (at: TopicIdPartition, entry: NewEntry) => (await outcomesOf(at, entry))[0];

  /** Hours of other producers' and plain traffic, enough for any adapter to roll and to evict by age what it can. */
  const letTimePass = async (at: TopicIdPartition, hours: number) => {
    const { catalog, clock } = subject();
    const rounds = Math.min(4, hours);
    for (let round = 0; round < rounds; round += 1) {
      clock.advance((hours / rounds) * HOUR);
      for (let i = 0; i < 6; i += 1) {
        await append(catalog, at, [
          ...Array.from({ length: 20 }, () => newEntry(subject())),
          of(1_000_000 + round, 0, i, {}),
        ]);
      }
    }
  };

  describe('an idempotent producer', () => {
    it('appends in sequence and is told the first offset of what it sends again', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const batches = Array.from({ length: 5 }, (_, i) => [7, 2, i * 3] as const);
      for (const [id, epoch, sequence] of batches) {
        await append(catalog, at, [of(id, epoch, sequence, { count: 3 }), newEntry(subject())]);
      }

      for (const [i, [id, epoch, sequence]] of batches.entries()) {
        expect(await outcomeOf(at, of(id, epoch, sequence, { count: 3 }))).toEqual(duplicate(i * 4));
      }
      expect(await entriesOf(catalog, at)).toHaveLength(10);
    });

    it('is listed with its last batch', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      expect(await catalog.partitions.producers(at)).toEqual([]);
      await append(catalog, at, [of(40, 1, 0, { count: 3 }), newEntry(subject()), of(7, 0, 0)]);
      await append(catalog, at, [of(40, 1, 3, { count: 2 })]);

      expect(await catalog.partitions.producers(at)).toEqual([
        { id: 7, epoch: 0, lastSequence: 0, base: 4 },
        { id: 40, epoch: 1, lastSequence: 4, base: 5 },
      ]);
      expect(await catalog.partitions.producers({ ...at, partition: 99 })).toBeUndefined();
    });

    it('is refused a gap, and goes on with the sequence that was missing', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await append(catalog, at, [of(7, 0, 0, { count: 2 })]);

      expect(await outcomeOf(at, of(7, 0, 3))).toEqual(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'));

      expect(await append(catalog, at, [of(7, 0, 2)])).toEqual([2]);
    });

    it('is refused a batch that was appended in part: neither a repeat nor the next', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await append(catalog, at, [of(7, 0, 0, { count: 3 })]);

      expect(await outcomeOf(at, of(7, 0, 1, { count: 3 }))).toEqual(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'));
      expect(await outcomeOf(at, of(7, 0, 0, { count: 4 }))).toEqual(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'));

      expect(await append(catalog, at, [of(7, 0, 3)])).toEqual([3]);
    });

    it('is refused a lower epoch; a higher one begins at sequence 0', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await append(catalog, at, [of(7, 3, 0), of(7, 3, 1)]);

      expect(await outcomeOf(at, of(7, 2, 2))).toEqual(refused('INVALID_PRODUCER_EPOCH'));
      expect(await outcomeOf(at, of(7, 4, 2))).toEqual(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'));
      expect(await append(catalog, at, [of(7, 4, 0)])).toEqual([2]);
      expect(await outcomeOf(at, of(7, 3, 2))).toEqual(refused('INVALID_PRODUCER_EPOCH'));
      expect(await append(catalog, at, [of(7, 4, 1)])).toEqual([3]);
    });

    it('that is unknown begins at sequence 0, under any epoch', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());

      expect(await outcomeOf(at, of(7, 0, 5))).toEqual(refused('UNKNOWN_PRODUCER_ID'));
      expect(await append(catalog, at, [of(7, 0, 0)])).toEqual([0]);
      expect(await append(catalog, at, [of(0, 32_767, 0)])).toEqual([1]);
    });

    it('is known when its batches were compacted; of the last, also where it is', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      for (let i = 0; i < 8; i += 1) await append(catalog, at, [of(7, 0, i)]);

      const run = compacted(subject(), await entriesOf(catalog, at));
      expect(await catalog.partitions.advanceFrontier(at, await headOf(catalog, at), run)).toBe(true);

      expect(await outcomeOf(at, of(7, 0, 7))).toEqual(duplicate(7));
      expect([duplicate(2), refused('DUPLICATE_SEQUENCE_NUMBER')]).toContainEqual(await outcomeOf(at, of(7, 0, 2)));
      expect(await outcomeOf(at, of(7, 0, 9))).toEqual(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'));
      expect(await append(catalog, at, [of(7, 0, 8)])).toEqual([8]);
    });

    it('is judged in each partition by itself', async () => {
      const { catalog } = subject();
      const [one, other] = [await createPartition(subject()), await createPartition(subject())];
      await append(catalog, one, [of(7, 0, 0), of(7, 0, 1)]);

      expect(await outcomeOf(other, of(7, 0, 2))).toEqual(refused('UNKNOWN_PRODUCER_ID'));
      expect(await append(catalog, other, [of(7, 0, 0)])).toEqual([0]);
    });

    it('wraps its sequence after 2^31 - 1', async () => {
      const { catalog } = subject();
      const [exact, across] = [await createPartition(subject()), await createPartition(subject())];
      const most = 2 ** 31 - 8;

      await append(catalog, exact, [of(7, 0, 0, { count: most })]);
      await append(catalog, exact, [of(7, 0, most, { count: 8 })]);
      expect(await append(catalog, exact, [of(7, 0, 0, { count: 3 })])).toEqual([2 ** 31]);
      expect(await outcomeOf(exact, of(7, 0, 0, { count: 3 }))).toEqual(duplicate(2 ** 31));
      expect(await append(catalog, exact, [of(7, 0, 3)])).toEqual([2 ** 31 + 3]);

      await append(catalog, across, [of(7, 0, 0, { count: most })]);
      await append(catalog, across, [of(7, 0, most, { count: 20 })]);
      expect(await outcomeOf(across, of(7, 0, most, { count: 20 }))).toEqual(duplicate(most));
      expect(await outcomeOf(across, of(7, 0, 14))).toEqual(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'));
      expect(await append(catalog, across, [of(7, 0, 12)])).toEqual([2 ** 31 + 12]);
    });
  });

  describe('one append of several producers and plain batches', () => {
    it('is judged as if its entries came one by one', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await append(catalog, at, [of(1, 0, 0)]);

      const entries = [
        of(1, 0, 0),
        of(1, 0, 1, { count: 2 }),
        newEntry(subject()),
        of(1, 0, 9),
        newEntry(subject()),
        of(2, 0, 3),
        of(2, 0, 0),
        of(1, 0, 3),
        of(1, 0, 1, { count: 2 }),
        of(2, 0, 1),
      ];

      expect(await outcomesOf(at, ...entries)).toEqual([
        duplicate(0),
        { status: 'appended', base: 1 },
        { status: 'appended', base: 3 },
        refused('OUT_OF_ORDER_SEQUENCE_NUMBER'),
        { status: 'appended', base: 4 },
        refused('UNKNOWN_PRODUCER_ID'),
        { status: 'appended', base: 5 },
        { status: 'appended', base: 6 },
        duplicate(1),
        { status: 'appended', base: 7 },
      ]);
      const ids = (await entriesOf(catalog, at)).slice(1).map((found) => found.entry.id);
      expect(ids).toEqual([1, 2, 4, 6, 7, 9].map((i) => entries[i]!.id));
    });

    it('may raise an epoch on its way', async () => {
      const at = await createPartition(subject());

      expect(await outcomesOf(at, of(1, 0, 0), of(1, 1, 0), of(1, 0, 1), of(1, 1, 5), of(1, 1, 1))).toEqual([
        { status: 'appended', base: 0 },
        { status: 'appended', base: 1 },
        refused('INVALID_PRODUCER_EPOCH'),
        refused('OUT_OF_ORDER_SEQUENCE_NUMBER'),
        { status: 'appended', base: 2 },
      ]);
    });

    it('appends nothing when every entry is refused', async () => {
      const at = await createPartition(subject());

      const { outcomes, head } = await subject().catalog.partitions.append(at, [of(1, 0, 1), of(2, 0, 2)]);

      expect(outcomes).toEqual([refused('UNKNOWN_PRODUCER_ID'), refused('UNKNOWN_PRODUCER_ID')]);
      expect(head).toBeUndefined();
      expect(await entriesOf(subject().catalog, at)).toEqual([]);
    });
  });

  it('five batches in flight, in any order, each sent twice, are appended once and in sequence', async () => {
    const { catalog } = subject();
    const another = await subject().another();
    const at = await createPartition(subject());
    const windows = 8;
    const bases = new Map<number, Set<number>>();

    for (let window = 0; window < windows; window += 1) {
      const sequences = Array.from({ length: 5 }, (_, i) => window * 5 + i);
      let sending = shuffled([...sequences, ...sequences]);
      for (let round = 0; sending.length > 0; round += 1) {
        expect(round).toBeLessThan(10);
        const answers = await Promise.all(
          sending.map(async (sequence, i) => {
            const { outcomes } = await (i % 2 ? catalog : another).partitions.append(at, [of(9, 0, sequence)]);
            return { sequence, outcome: outcomes[0]! };
          }),
        );
        sending = [];
        for (const { sequence, outcome } of answers) {
          if (outcome.status === 'appended' || outcome.status === 'duplicate') {
            bases.set(sequence, (bases.get(sequence) ?? new Set()).add(outcome.base));
          } else {
            expect(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID']).toContain(
              outcome.status === 'refused' ? outcome.code : outcome.status,
            );
            sending.push(sequence);
          }
        }
      }
    }

    expect((await entriesOf(catalog, at)).map((found) => found.entry.producer?.sequence)).toEqual([
      ...Array(windows * 5).keys(),
    ]);
    expect([...bases].every(([sequence, told]) => told.size === 1 && told.has(sequence))).toBe(true);
  });

  describe('a producer that returns', () => {
    it('after hours of other traffic is known as it was', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const ids = [1, 2, 3, 4, 5];
      for (const id of ids) await append(catalog, at, [of(id, 1, 0, { count: 4 }), of(id, 1, 4)]);
      await letTimePass(at, 8);

      expect(await outcomeOf(at, of(1, 1, 4))).toEqual(duplicate(4));
      expect(await outcomeOf(at, of(2, 1, 6))).toEqual(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'));
      expect(await outcomeOf(at, of(3, 0, 5))).toEqual(refused('INVALID_PRODUCER_EPOCH'));
      expect(await outcomeOf(at, of(4, 2, 0))).toMatchObject({ status: 'appended' });
      for (const id of [1, 2, 3, 5]) {
        expect(await outcomeOf(at, of(id, 1, 5))).toMatchObject({ status: 'appended' });
      }
    });

    it('within 7 days is known', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await append(catalog, at, [of(1, 1, 0), of(2, 1, 0)]);
      await letTimePass(at, 7 * 24 - 1);

      expect(await outcomeOf(at, of(1, 1, 0))).toEqual(duplicate(0));
      expect(await outcomeOf(at, of(1, 1, 1))).toMatchObject({ status: 'appended' });
      expect(await outcomeOf(at, of(2, 1, 1))).toMatchObject({ status: 'appended' });
    });

    it('after more than 7 days may be unknown, and goes on under a new epoch', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await append(catalog, at, [of(1, 1, 0)]);
      await letTimePass(at, 30 * 24);

      expect([refused('UNKNOWN_PRODUCER_ID'), refused('OUT_OF_ORDER_SEQUENCE_NUMBER')]).toContainEqual(
        await outcomeOf(at, of(1, 1, 5)),
      );
      expect(await outcomeOf(at, of(1, 2, 0))).toMatchObject({ status: 'appended' });
    });
  });
}
