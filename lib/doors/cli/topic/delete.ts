import { type AddCommand, clientOf } from '../cli.ts';

export const addDelete: AddCommand = (parent, terminal) => {
  parent
    .command('delete <topic>')
    .description('delete a topic and all its records')
    .action(async (name: string, _options, command) => {
      await clientOf(command).topics.delete(name);
      await terminal.out(`Deleted topic ${name}.\n`);
    });
};
