import { type AddCommand, clientOf, collect } from '../cli.ts';
import { outputOption } from '../options.ts';
import { table } from '../table.ts';

export const addList: AddCommand = (parent, terminal) => {
  parent
    .command('list')
    .description('list all topics')
    .addOption(outputOption())
    .action(async ({ output }, command) => {
      const topics = await collect(clientOf(command).topics.list());
      await terminal.out(
        output === 'json'
          ? topics.map((topic) => `${JSON.stringify(topic)}\n`).join('')
          : table(
              ['TOPIC', 'PARTITIONS', 'ID'],
              topics.map(({ name, partitions, id }) => [name, partitions, id]),
            ),
      );
    });
};
