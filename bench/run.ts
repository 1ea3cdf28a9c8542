/**
 * `npm run bench [-- NAME...] [--quick]`: figures of Varve beside what the machine can do, taken in turns in the same run. It says
 * what it saw and never a verdict: machines differ and are noisy.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Figure, printTable } from './figures.ts';
import { FULL, QUICK, type Scale } from './scale.ts';

/** Answers lines of figures; prints itself what is none. */
type Bench = (folder: string, scale: Scale) => Promise<Figure[]>;

const BENCHES: Record<string, () => Promise<Bench>> = {
  append: async () => (await import('./append.ts')).append,
  read: async () => (await import('./read.ts')).read,
  produce: async () => (await import('./produce.ts')).produce,
  follow: async () => (await import('./follow.ts')).follow,
  cost: async () => (await import('./cost.ts')).cost,
  kafka: async () => (await import('./kafka.ts')).kafka,
  latency: async () => (await import('./latency.ts')).latency,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
});
const names = positionals.length === 0 ? Object.keys(BENCHES) : positionals;
const unknown = names.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`usage: npm run bench [-- NAME...] [--quick]\n  NAME: ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}

const [cpu] = cpus();
console.log(
  `Node ${process.version}, ${cpus().length} x ${cpu?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${tmpdir()}`,
);
for (const name of names) {
  const folder = await mkdtemp(join(tmpdir(), `varve-bench-${name}-`));
  try {
    const scale = values.quick ? QUICK : FULL;
    console.log(`\n${name}`);
    const bench = await BENCHES[name]!();
    const figures = await bench(folder, scale);
    if (figures.length === 0) continue;
    console.log(`  medians of ${scale.turns}`);
    printTable(figures);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
