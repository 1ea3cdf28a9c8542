import { type AddCommand, clientOf, collect } from '../cli.ts';
import { outputOption } from '../options.ts';
import { table } from '../table.ts';

export const addList: AddCommand = (parent, terminal) => {
  parent
    .command('list')
    .description('list all consumer groups')
    .addOption(outputOption())
    .action(async ({ output }, command) => {
      const groups = await collect(clientOf(command).groups.list());
      await terminal.out(
        output === 'json'
          ? groups.map((group) => `${JSON.stringify({ group })}\n`).join('')
          : table(
              ['GROUP'],
              groups.map((group) => [group]),
            ),
      );
    });
};
