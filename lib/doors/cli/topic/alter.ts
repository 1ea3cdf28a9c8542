import { type AddCommand, clientOf } from '../cli.ts';
import { UsageError } from '../exit-codes.ts';
import { pair, several, whole } from '../options.ts';

interface Flags {
  partitions?: number;
  config?: Record<string, string>;
  unset?: string[];
}

export const addAlter: AddCommand = (parent, terminal) => {
  parent
    .command('alter <topic>')
    .description("raise a topic's partition count, or change its configuration")
    .option('--partitions <count>', 'how many there should be', whole(1))
    .option('--config <key=value>', 'a key and its new value; repeatable', pair)
    .option('--unset <key>', 'a key to return to its default; repeatable', several)
    .action(async (name: string, { partitions, config, unset }: Flags, command) => {
      if (partitions === undefined && !config && !unset) {
        throw new UsageError('Say what to change: --partitions, --config or --unset.');
      }
      const changes = { ...config, ...Object.fromEntries((unset ?? []).map((key) => [key, null])) };
      await clientOf(command).topics.alter(name, {
        ...(partitions !== undefined && { partitions }),
        ...((config || unset) && { config: changes }),
      });
      await terminal.out(`Altered topic ${name}.\n`);
    });
};
