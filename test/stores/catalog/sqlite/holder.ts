import { systemClock } from '../../../../lib/clock.ts';
import { systemRandom, timeId } from '../../../../lib/ids.ts';
import { openSqlite } from '../../../../lib/stores/catalog/sqlite/sqlite.ts';

/** Opens the catalog at argv[2] and appends to the topic id in argv[3] until it is killed, printing each offset once it is acknowledged. */
const [, , path = '', topicId = ''] = process.argv;
const catalog = await openSqlite({ path, clock: systemClock, random: systemRandom });
process.stdout.write('open\n');

async function appendForEver(): Promise<void> {
  for (;;) {
    const id = timeId(Date.now(), systemRandom);
    const entry = { id, position: 0, length: 100, crc: 1, count: 1, maxTimestamp: -1 };
    const { outcomes } = await catalog.partitions.append({ topicId, partition: 0 }, [entry]);
    if (outcomes[0]?.status !== 'appended') throw new Error(`append: ${outcomes[0]?.status}`);
    process.stdout.write(`${outcomes[0].base} ${id}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, appendForEver));
