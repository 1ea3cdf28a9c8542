/**
 * `npm run prove -- NAME|all [--size small|full] [--seed N]`: an issue's demonstration at its full size (the default); CI runs the
 * same code at the small one. Prints figures and a PASS or FAIL for each claim; exits with 1 when one fails.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Proof, Trial } from './trial.ts';

/** In the order in which `all` runs them. */
const PROOFS: Record<string, () => Promise<{ prove: Proof }>> = {
  flights: () => import('./flights.ts'),
  kill: () => import('./kill.ts'),
  'fsync-trace': () => import('./fsync-trace.ts'),
  volume: () => import('./volume.ts'),
  topics: () => import('./topics.ts'),
  frames: () => import('./frames.ts'),
  connections: () => import('./connections.ts'),
  faults: () => import('./faults.ts'),
  verifiable: () => import('./verifiable.ts'),
  clients: () => import('./clients.ts'),
  bundles: () => import('./bundles.ts'),
  delivery: () => import('./delivery.ts'),
  triggers: () => import('./triggers.ts'),
  dashboard: () => import('./dashboard.ts'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: 'string', default: 'full' }, seed: { type: 'string' } },
});
const size = values.size;
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const names = positionals.includes('all') ? Object.keys(PROOFS) : positionals;
const unknown = names.filter((name) => !(name in PROOFS));
if (names.length === 0 || unknown.length > 0 || (size !== 'small' && size !== 'full') || !Number.isSafeInteger(seed)) {
  console.error(
    `usage: npm run prove -- NAME... [--size small|full] [--seed N]\n  NAME: all, ${Object.keys(PROOFS).join(', ')}`,
  );
  process.exit(2);
}

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const name of names) {
  const folder = await mkdtemp(join(tmpdir(), `varve-prove-${name}-`));
  console.log(`\n${name} (${size}, --seed ${seed})`);
  const trial: Trial = {
    size,
    seed,
    folder,
    figure: (what, value) => console.log(`  ${what.padEnd(52)} ${value}`),
    claim(statement, holds, seen) {
      counts[holds ? 'passed' : 'failed']++;
      console.log(`  ${holds ? 'PASS' : 'FAIL'}  ${statement}${seen === undefined ? '' : `: ${seen}`}`);
    },
    skip(reason) {
      counts.skipped++;
      console.log(`  SKIPPED  ${reason}`);
    },
  };
  const begun = performance.now();
  try {
    const { prove } = await PROOFS[name]!();
    await prove(trial);
  } catch (error) {
    trial.claim('it runs to its end', false, error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`  ${((performance.now() - begun) / 1000).toFixed(1)} s`);
}
console.log(`\nprove: passed ${counts.passed}, failed ${counts.failed}, skipped ${counts.skipped}`);
process.exitCode = counts.failed === 0 ? 0 : 1;
