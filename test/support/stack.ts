import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What `npm run deploy:localstack` made. */
export interface DeployedStack {
  endpoint: string;
  region: string;
  /** Of the API, with a `/` at its end. */
  url: string;
  bucket: string;
  table: string;
}

const FILE = fileURLToPath(new URL('../../dist/localstack.json', import.meta.url));

/** Throws with what to do when nothing is deployed. */
export function deployedStack(): DeployedStack {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8')) as DeployedStack;
  } catch (cause) {
    throw new Error('No stack is deployed on LocalStack: run `npm run deploy:localstack`.', { cause });
  }
}
