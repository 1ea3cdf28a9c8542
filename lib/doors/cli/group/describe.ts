import { type AddCommand, clientOf } from '../cli.ts';
import { outputOption } from '../options.ts';
import { table } from '../table.ts';

export const addDescribe: AddCommand = (parent, terminal) => {
  parent
    .command('describe <group>')
    .description('show what a group has committed, and how far behind it is')
    .addOption(outputOption())
    .action(async (group: string, { output }, command) => {
      const offsets = await clientOf(command).groups.offsets(group);
      await terminal.out(
        output === 'json'
          ? offsets.map((offset) => `${JSON.stringify(offset)}\n`).join('')
          : table(
              ['TOPIC', 'PARTITION', 'COMMITTED', 'LATEST', 'LAG'],
              offsets.map(({ topic, partition, offset, latest, lag }) => [topic, partition, offset, latest, lag]),
            ),
      );
    });
};
