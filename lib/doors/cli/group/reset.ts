import type { From, GroupOffset } from '../../../client/client.ts';
import { type AddCommand, clientOf } from '../cli.ts';
import { UsageError } from '../exit-codes.ts';
import { PARTITIONS, PLACES, place } from '../options.ts';
import { table } from '../table.ts';

interface Flags {
  topic: string;
  to: From;
  partition?: number;
}

export const addReset: AddCommand = (parent, terminal) => {
  parent
    .command('reset <group>')
    .description('set where a group goes on, in all partitions of a topic or in one')
    .requiredOption('--topic <topic>', 'the topic')
    .requiredOption('--to <place>', PLACES, place)
    .option('--partition <id>', 'this partition alone', PARTITIONS)
    .action(async (group: string, { topic, to, partition }: Flags, command) => {
      if (typeof to === 'number' && partition === undefined) {
        throw new UsageError('An offset is one of a partition: name it with --partition.');
      }
      const client = clientOf(command);
      const { partitions } = await client.topics.describe(topic);
      const wanted = partition === undefined ? Array.from({ length: partitions }, (_, id) => id) : [partition];
      const offsets: GroupOffset[] = [];
      for (const id of wanted) {
        const { offset } = await client.locate(topic, id, to);
        offsets.push({ topic, partition: id, offset });
      }
      await client.groups.commit(group, offsets);
      await terminal.out(
        table(
          ['TOPIC', 'PARTITION', 'COMMITTED'],
          offsets.map((one) => [one.topic, one.partition, one.offset]),
        ),
      );
    });
};
