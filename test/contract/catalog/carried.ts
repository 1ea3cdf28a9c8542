import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../lib/ids.ts';
import { chunkOf } from '../../support/chunk.ts';
import {
  append,
  createPartition,
  entriesOf,
  expectSame,
  findEntry,
  headOf,
  newEntry,
  newId,
  type Subject,
} from './subject.ts';

/** Up to the most that an entry may carry. */
const SIZES = [1, 61, 250, 300, 301, 1_024, 3_000, 10_000, 60 * 1_024, 65_536];

export function carriedContract(subject: () => Subject): void {
  const carrying = (size: number) => newEntry(subject(), { bytes: systemRandom(size) });

  describe('bytes that the catalog carries', () => {
    it('come back the same, of every size, alone and together, in the tail and rolled', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const alone = SIZES.map(carrying);
      const together = [...SIZES.map(carrying), newEntry(subject()), carrying(100)];
      for (const entry of alone) await append(catalog, at, [entry]);
      await append(catalog, at, together);

      const expectAll = async () => {
        const found = await entriesOf(catalog, at);
        for (const [i, entry] of [...alone, ...together].entries()) {
          await expectSame(catalog, at, found[i]!.entry, entry);
        }
      };

      await expectAll();
      for (let i = 0; i < 15; i += 1) {
        await append(
          catalog,
          at,
          Array.from({ length: 20 }, () => newEntry(subject())),
        );
      }
      await expectAll();
    });

    it('are those of the moment of the append, whatever the caller does with the buffer later', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const entries = [200, 2_000].map(carrying);
      const copies = entries.map((entry) => ({ ...entry, bytes: new Uint8Array(entry.bytes!) }));

      const { head } = await catalog.partitions.append(at, entries);
      for (const entry of entries) entry.bytes!.fill(0);

      for (const [i, copy] of copies.entries()) {
        for (const known of [head!, await headOf(catalog, at)]) {
          await expectSame(catalog, at, (await findEntry(catalog, at, i, known)).entry, copy);
        }
      }
    });

    it('of an idempotent batch that comes twice are those of the first', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const first = { ...carrying(1_000), producer: { id: 1, epoch: 0, sequence: 0 } };
      await append(catalog, at, [first]);

      const again = { ...carrying(1_000), producer: first.producer };
      expect((await catalog.partitions.append(at, [again])).outcomes).toEqual([{ status: 'duplicate', base: 0 }]);

      const found = await entriesOf(catalog, at);
      expect(found).toHaveLength(1);
      await expectSame(catalog, at, found[0]!.entry, first);
    });

    it('are asked for in vain under an id that never was', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());

      expect(await chunkOf(catalog, at, newId(subject()))).toBeUndefined();
    });
  });
}
