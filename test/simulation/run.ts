/**
 * `npm run simulate -- [--seed N] [--runs N] [--minutes N] [--trace LINES]`: seeded runs of the whole log with faults, `--minutes` of
 * virtual time each. Prints every violation with the seed that shows it again; exits with 1 when there is one.
 */
import { parseArgs } from 'node:util';
import { simulate } from './simulate.ts';
import { CHECKS } from './verdict.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '3' },
    trace: { type: 'string', default: '0' },
  },
});
const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const runs = Number(values.runs);
const minutes = Number(values.minutes);
const keep = Number(values.trace);
if (![first, runs, keep].every((n) => Number.isSafeInteger(n) && n >= 0) || !(minutes > 0)) {
  console.error('usage: npm run simulate -- [--seed N] [--runs N] [--minutes N] [--trace LINES]');
  process.exit(2);
}

const totals = new Map<string, number>();
let elapsed = 0;
let steps = 0;
let failed = 0;
const begun = performance.now();
process.on('unhandledRejection', (error) => {
  failed++;
  console.error('a rejection that nobody handles:', error);
});
for (let seed = first; seed < first + runs; seed++) {
  const outcome = await simulate({ seed, minutes, keep });
  elapsed += outcome.elapsed;
  steps += outcome.steps;
  for (const [what, n] of outcome.counts) totals.set(what, (totals.get(what) ?? 0) + n);
  if (outcome.violations.length === 0) continue;
  failed++;
  console.log(`\nseed ${seed}: npm run simulate -- --seed ${seed} --runs 1 --minutes ${minutes} --trace 200`);
  for (const { check, detail, at } of outcome.violations.slice(0, 5)) {
    console.log(`  at ${at.toFixed(1)} ms  ${check} (${CHECKS[check]})\n    ${detail}`);
  }
  for (const line of outcome.trace.slice(-keep)) console.log(line);
}
console.log();
for (const [what, n] of [...totals].sort(([a], [b]) => (a < b ? -1 : 1))) {
  console.log(`  ${what.padEnd(48)} ${n.toLocaleString('en-US').padStart(12)}`);
}
const seconds = ((performance.now() - begun) / 1000).toFixed(1);
const hours = (elapsed / 3_600_000).toFixed(2);
console.log(`\n${runs} runs from seed ${first}: ${hours} virtual hours, ${steps} steps, ${seconds} s`);
console.log(`simulate: passed ${runs - failed}, failed ${failed}, skipped 0`);
process.exitCode = failed === 0 ? 0 : 1;
