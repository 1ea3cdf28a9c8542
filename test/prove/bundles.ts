/** What a cold start has to load: the size of each function's bundle, and how long Node takes to import it. */
import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { buildFunctions } from '../../cdk/build-functions.ts';
import { millis, type Trial } from './trial.ts';

const MOST_BYTES = 700_000;
const MOST_MS = 150;
const RUNS = 11;

/** As Lambda's runtime does it: one import in a fresh process. What the function begins meanwhile goes on after it. */
const IMPORT = `
  const begun = performance.now();
  await import(process.argv[1]);
  console.log(performance.now() - begun);
  process.exit();
`;

/** What Lambda gives a function; nobody answers there. */
const ENVIRONMENT = {
  PATH: process.env.PATH,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
  VARVE_BUCKET: 'bucket',
  VARVE_TABLE: 'table',
};

export async function prove({ size, folder, figure, claim }: Trial): Promise<void> {
  buildFunctions(folder);
  const busy = loadavg()[0]! / cpus().length;
  figure('processes that want a processor, for each there is', busy.toFixed(1));
  for (const name of readdirSync(folder)) {
    const bundle = join(folder, name, 'index.mjs');
    const bytes = statSync(bundle).size;
    claim(`${name} is ${MOST_BYTES / 1000} KB or less`, bytes <= MOST_BYTES, `${(bytes / 1000).toFixed(0)} KB`);
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) times.push(await importTime(bundle));
    times.sort((a, b) => a - b);
    const median = times[(RUNS - 1) / 2]!;
    const seen = `${millis(times[0]!)} to ${millis(times.at(-1)!)}, median ${millis(median)}`;
    // A machine that others use as well says nothing of the time: CI only shows it.
    if (size === 'small') figure(`${name}: imported in`, seen);
    else claim(`${name} is imported within ${MOST_MS} ms`, median <= MOST_MS, seen);
  }
}

async function importTime(bundle: string): Promise<number> {
  const args = ['--input-type=module', '--eval', IMPORT, pathToFileURL(bundle).href];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: ENVIRONMENT });
  return Number(stdout);
}
