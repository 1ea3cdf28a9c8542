import { type Command, Option } from 'commander';
import type { Client, From, ReadOptions, ReadRecord } from '../../client/client.ts';
import { systemClock } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import { clientOf } from './cli.ts';
import { UsageError } from './exit-codes.ts';
import { FORMATS, type Format, formatter } from './formats.ts';
import { PARTITIONS, PLACES, place, whole } from './options.ts';
import type { Terminal } from './terminal.ts';

interface Flags {
  from: From;
  partition?: number;
  follow?: boolean;
  max?: number;
  group?: string;
  output?: Format;
}

/** Milliseconds between two commits; the last one is made at the end. */
const COMMIT_EVERY = 1_000;

export function addConsume(program: Command, terminal: Terminal): void {
  program
    .command('consume <topic>')
    .description('print records up to the newest there is, or on and on with --follow; Ctrl+C ends it')
    .addOption(new Option('--from <place>', PLACES).argParser(place).default('earliest'))
    .option('--partition <id>', 'this partition alone', PARTITIONS)
    .option('--follow', 'wait for more')
    .option('--max <count>', 'end after so many records', whole(1))
    .option('--group <id>', 'go on where this group has committed, and commit what was printed')
    .addOption(
      new Option('--output <format>', 'json: one record a line; value: its value alone; table')
        .choices(FORMATS)
        .default(undefined, 'table on a terminal, else json'),
    )
    .addHelpText(
      'after',
      '\nWith --group, --from counts for partitions without a committed offset. One consumer a group at a time: a second one reads the same.',
    )
    .action(async (topic: string, flags: Flags, command: Command) => {
      const { from, partition, group, output = terminal.interactive ? 'table' : 'json' } = flags;
      if (typeof from === 'number' && partition === undefined) {
        throw new UsageError('An offset is one of a partition: name it with --partition.');
      }
      const client = clientOf(command);
      const options: ReadOptions = {
        from,
        ...(partition !== undefined && { partition }),
        ...(group !== undefined && { positions: await committed(client, group, topic) }),
        follow: flags.follow ?? false,
        signal: terminal.interrupted(),
      };
      const commit = group === undefined ? undefined : committer(client, group, topic);
      const format = formatter(output, terminal.columns);
      let left = flags.max ?? Number.POSITIVE_INFINITY;
      try {
        for await (const batch of client.readBatches(topic, options)) {
          const records = batch.length > left ? batch.slice(0, left) : batch;
          await terminal.out(format(records));
          await commit?.printed(records);
          left -= records.length;
          if (left === 0) break;
        }
      } finally {
        await commit?.flush();
      }
    });
}

/** Where the group goes on: an offset whose records are deleted by now moves to the first that is left. */
async function committed(client: Client, group: string, topic: string): Promise<Record<number, number>> {
  const positions: Record<number, number> = {};
  for (const { partition, offset, ...one } of await offsetsOf(client, group)) {
    if (one.topic === topic) positions[partition] = Math.max(offset, (await client.offsets(topic, partition)).earliest);
  }
  return positions;
}

async function offsetsOf(client: Client, group: string) {
  try {
    return await client.groups.offsets(group);
  } catch (error) {
    if (error instanceof VarveError && error.code === 'GROUP_ID_NOT_FOUND') return [];
    throw error;
  }
}

/** Commits what was printed, now and then. */
function committer(client: Client, group: string, topic: string) {
  const next = new Map<number, number>();
  let last = systemClock.monotonic();

  async function flush(): Promise<void> {
    if (next.size === 0) return;
    const offsets = [...next].map(([partition, offset]) => ({ topic, partition, offset }));
    next.clear();
    last = systemClock.monotonic();
    await client.groups.commit(group, offsets);
  }

  return {
    flush,
    async printed(records: readonly ReadRecord[]): Promise<void> {
      for (const { partition, offset } of records) next.set(partition, offset + 1);
      if (systemClock.monotonic() - last >= COMMIT_EVERY) await flush();
    },
  };
}
