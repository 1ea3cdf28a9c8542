import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { addDelete } from './delete.ts';
import { addDescribe } from './describe.ts';
import { addList } from './list.ts';
import { addReset } from './reset.ts';

export function addGroup(program: Command, terminal: Terminal): void {
  const group = program.command('group').description('list, describe, reset and delete consumer groups');
  for (const add of [addList, addDescribe, addReset, addDelete]) add(group, terminal);
}
