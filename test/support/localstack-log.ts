import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { localstack } from './localstack.ts';

/**
 * What LocalStack without Docker was asked for while that went on, by `service.Operation`: by functions and by whoever else there
 * is. What its own pollers ask, which Lambda's are in AWS, is not in it. Rejects where there is no log of it.
 */
export async function requestsDuring(work: () => Promise<void>): Promise<Map<string, number>> {
  const before = (await logText()).length;
  await work();
  const asked = (await logText()).slice(before).matchAll(/localstack\.request\.aws +: AWS (\S+)/g);
  const counts = new Map<string, number>();
  for (const [, operation] of asked) counts.set(operation!, (counts.get(operation!) ?? 0) + 1);
  return counts;
}

/** Where localstack/start has it. */
function logText(): Promise<string> {
  const { XDG_CACHE_HOME = join(homedir(), '.cache'), LOCALSTACK_CACHE } = process.env;
  const cache = LOCALSTACK_CACHE ?? join(XDG_CACHE_HOME, 'varve-localstack');
  return readFile(join(cache, `run-${new URL(localstack.endpoint).port}`, 'log'), 'utf8');
}
