import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { millis, type Proof } from './trial.ts';

const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const CONFIG = 'vitest.clients.config.ts';

/** The parts of vitest's report that are used. */
interface Report {
  testResults: {
    message: string;
    assertionResults: { fullName: string; status: string; duration?: number; failureMessages: string[] }[];
  }[];
}

/**
 * What every Kafka client must find with Varve (test/clients/contract.ts), each of them written by and read by each other one. In
 * small it is what `npm run test:clients` and `npm test` run anyway.
 */
export const prove: Proof = async ({ size, folder, claim, skip }) => {
  if (size === 'small') {
    skip('npm run test:clients runs the small one');
    return;
  }
  const report = join(folder, 'report.json');
  const args = ['run', '--config', CONFIG, 'test/clients/matrix', '--reporter=json', `--outputFile=${report}`];
  const env = { ...process.env, VARVE_CLIENTS: 'full' };
  const ran = promisify(execFile)(process.execPath, [VITEST, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
  // That a test failed is in the report.
  const failed = await ran.then(
    () => undefined,
    (error: Error) => error,
  );
  const { testResults } = await readFile(report, 'utf8').then(
    (text) => JSON.parse(text) as Report,
    () => {
      throw failed ?? new Error('vitest wrote no report');
    },
  );
  for (const { message, assertionResults } of testResults) {
    if (assertionResults.length === 0) claim('the clients are there', false, message);
    for (const { fullName, status, duration = 0, failureMessages } of assertionResults) {
      const seen = failureMessages[0] ?? millis(duration);
      if (status === 'passed' || status === 'failed') claim(fullName, status === 'passed', seen);
      else skip(fullName);
    }
  }
};
