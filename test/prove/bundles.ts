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
const RUNS = { small: 3, full: 11 };

/** As Lambda's runtime does it: one import in a fresh process. What the function begins meanwhile goes on after it. */
const IMPORT = `
  const begun = performance.now();
  const before = process.cpuUsage();
  await import(process.argv[1]);
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ elapsed: performance.now() - begun, processor: (user + system) / 1000 }));
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
  VARVE_QUEUE: 'https://sqs.us-east-1.amazonaws.com/123456789012/deliveries',
};

interface Times {
  elapsed: number;
  processor: number;
}

export async function prove({ size, folder, figure, claim, skip }: Trial): Promise<void> {
  buildFunctions(folder);
  const busy = loadavg()[0]! / cpus().length;
  for (const name of readdirSync(folder)) {
    const bundle = join(folder, name, 'index.mjs');
    const bytes = statSync(bundle).size;
    claim(`${name} is ${MOST_BYTES / 1000} KB or less`, bytes <= MOST_BYTES, `${(bytes / 1000).toFixed(0)} KB`);
    const runs: Times[] = [];
    for (let run = 0; run < RUNS[size]; run++) runs.push(await importTimes(bundle));
    const elapsed = median(runs.map((one) => one.elapsed));
    const processor = median(runs.map((one) => one.processor));
    figure(`${name}: median of ${RUNS[size]} imports`, `${millis(elapsed)}, ${millis(processor)} of processor time`);
    if (size === 'full' && busy <= 1)
      claim(`${name} is imported within ${MOST_MS} ms`, elapsed <= MOST_MS, millis(elapsed));
  }
  // Then the time that passes says nothing of what is imported.
  if (busy > 1)
    skip(`how long an import takes: ${busy.toFixed(1)} processes want each processor; wait until they are done`);
}

const median = (values: number[]) => values.sort((a, b) => a - b)[(values.length - 1) / 2]!;

async function importTimes(bundle: string): Promise<Times> {
  const args = ['--input-type=module', '--eval', IMPORT, pathToFileURL(bundle).href];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: ENVIRONMENT });
  return JSON.parse(stdout) as Times;
}
