import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { addAlter } from './alter.ts';
import { addCreate } from './create.ts';
import { addDelete } from './delete.ts';
import { addDescribe } from './describe.ts';
import { addList } from './list.ts';

export function addTopic(program: Command, terminal: Terminal): void {
  const topic = program.command('topic').description('create, list, describe, alter and delete topics');
  for (const add of [addCreate, addList, addDescribe, addAlter, addDelete]) add(topic, terminal);
}
