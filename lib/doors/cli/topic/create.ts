import { type AddCommand, clientOf } from '../cli.ts';
import { pair, whole } from '../options.ts';

export const addCreate: AddCommand = (parent, terminal) => {
  parent
    .command('create <topic>')
    .description('create a topic')
    .option('--partitions <count>', "how many; the server's default without it", whole(1))
    .option('--config <key=value>', "the topic's configuration, such as retention.ms=3600000; repeatable", pair)
    .action(async (name: string, options, command) => {
      const created = await clientOf(command).topics.create(name, options);
      const { partitions } = created;
      await terminal.out(`Created topic ${created.name} with ${partitions} partition${partitions === 1 ? '' : 's'}.\n`);
    });
};
