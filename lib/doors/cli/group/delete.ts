import { type AddCommand, clientOf } from '../cli.ts';

export const addDelete: AddCommand = (parent, terminal) => {
  parent
    .command('delete <group>')
    .description('delete a group and what it has committed')
    .action(async (group: string, _options, command) => {
      await clientOf(command).groups.delete(group);
      await terminal.out(`Deleted group ${group}.\n`);
    });
};
