import { afterEach, expect, it } from 'vitest';
import { systemRandom } from '../../lib/ids.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { sizeOf } from '../../lib/log/size.ts';
import { openMemory } from '../../lib/open/memory.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { append, createPartition, newEntry } from '../contract/catalog/subject.ts';
import { travelClock } from '../support/clock.ts';

const open: (EventLog | Catalog)[] = [];
afterEach(() => Promise.all(open.splice(0).map((one) => one.close())));

async function readableBytes(log: EventLog, from: number): Promise<number> {
  const { batches } = await log.fetch('t', 0, from, { maxBytes: 1_000_000 });
  return batches.reduce((sum, { length }) => sum + length, 0);
}

it('is the bytes of the batches that can be read, one that a deletion cut through being whole', async () => {
  const log = await openMemory();
  open.push(log);
  await log.topics.create('t', { partitions: 2 });
  for (let i = 0; i < 30; i++)
    await log.append(
      't',
      [1, 2, 3].map(() => ({ value: 'x'.repeat(i), partition: 0 })),
    );

  expect(await log.size('t', 0)).toBe(await readableBytes(log, 0));
  expect(await log.size('t', 1)).toBe(0);

  await log.deleteRecords('t', 0, 40);
  expect(await log.size('t', 0)).toBe(await readableBytes(log, 40));
  await log.deleteRecords('t', 0, 'latest');
  expect(await log.size('t', 0)).toBe(0);
  await expect(log.size('t', 2)).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
});

it('adds up what was compacted, as it is stored now', async () => {
  const clock = travelClock();
  const catalog = await openSqlite({ path: ':memory:', clock, random: systemRandom });
  open.push(catalog);
  const subject = { catalog, clock, another: async () => catalog, reopen: async () => catalog };
  const at = await createPartition(subject);
  const entries = Array.from({ length: 20 }, (_, i) => newEntry(subject, { length: 100 + i, count: 2 }));
  await append(catalog, at, entries);
  const compacted = entries.slice(0, 12).map((entry) => ({ ...entry, length: 10, place: 'segment' as const }));
  const head = (await catalog.partitions.head(at))!;
  await catalog.partitions.advanceFrontier(at, head, { base: 0, entries: compacted, level: 1 });
  await catalog.partitions.raiseLogStart(at, 5);

  const size = await sizeOf(catalog.partitions, at, (await catalog.partitions.head(at))!);

  expect(size).toBe(10 * 10 + entries.slice(12).reduce((sum, { length }) => sum + length, 0));
});
