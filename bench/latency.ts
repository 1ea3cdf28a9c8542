import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { openAws } from '../lib/open/aws.ts';
import { openMemory } from '../lib/stores/objects/memory.ts';
import { seeded } from '../test/support/random.ts';
import { startEngines } from './aws/engines.ts';
import { type Figure, median, printTable, quantile } from './figures.ts';
import { DELAYS } from './latency/delays.ts';
import { callFunction } from './latency/function.ts';
import { createTrace, type Taken, type Trace } from './latency/trace.ts';
import type { Scale } from './scale.ts';

interface Case {
  what: string;
  records: number;
  bytes: number;
  /** Milliseconds, p50 and p99, of a produce. */
  goal: { p50?: number; p99: number };
}

const CASES: readonly Case[] = [
  { what: '1 x 100 B', records: 1, bytes: 100, goal: { p99: 40 } },
  { what: '1 x 1 KB', records: 1, bytes: 1024, goal: { p99: 40 } },
  { what: '100 x 1 KB', records: 100, bytes: 1024, goal: { p50: 120, p99: 250 } },
];

/** Calls that a second of the scale stands for; they are made one after the other. */
const CALLS_A_SECOND = 60;
/** Not counted: connections are opened, code is compiled, topic and head become known. */
const WARM_CALLS = 20;
/** Of the library's callers, who do not wait for each other. */
const PER_SECOND = 20;
const SEED = 4;

interface Sample {
  ms: number;
  taken: Taken;
}

/**
 * Produce and fetch where real engines answer the SDK's clients no sooner than the services would; all else takes the time that
 * it takes here. Through the functions' handler, one call after the other, and through the library.
 */
export async function latency(_folder: string, scale: Scale): Promise<Figure[]> {
  const trace = createTrace(seeded(SEED));
  const engines = await startEngines(openMemory(), { onAnswer() {}, hold: (call) => trace.hold(call) });
  const before = { ...process.env };
  const { accessKeyId, secretAccessKey } = engines.client.credentials;
  // As a function finds its services.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: engines.endpoint,
    AWS_REGION: engines.client.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    POWERTOOLS_METRICS_DISABLED: 'true',
  });
  try {
    const stated = Object.entries(DELAYS).map(([name, { p50, p99 }]) => `${name} ${p50}/${p99} ms`);
    console.log(`  ${engines.names}\n  held up, p50/p99: ${stated.join(', ')}; seed ${SEED}`);
    const figures: Figure[] = [];
    for (const one of CASES) {
      const { bucket, table } = engines;
      const { produced, fetched } = await throughFunctions(
        trace,
        { bucket, table },
        one,
        scale.seconds * CALLS_A_SECOND,
      );
      const appended = await throughLibrary(trace, { bucket, table }, one, scale.seconds * CALLS_A_SECOND);
      figures.push(
        ...figuresOf(`produce ${one.what}, function`, produced, one.goal),
        ...figuresOf(`fetch ${one.what}, function`, fetched),
        ...figuresOf(`append ${one.what}, library at ${PER_SECOND}/s`, appended, one.goal),
      );
      showPaths(`produce ${one.what}`, produced);
      showPaths(`fetch ${one.what}`, fetched);
    }
    console.log(`  percentiles of ${scale.seconds * CALLS_A_SECOND} calls each`);
    printTable(figures);
    return [];
  } finally {
    process.env = before;
    await engines.close();
  }
}

async function throughFunctions(
  trace: Trace,
  at: { bucket: string; table: string },
  { records, bytes }: Case,
  calls: number,
): Promise<{ produced: Sample[]; fetched: Sample[] }> {
  const env = { VARVE_BUCKET: at.bucket, VARVE_TABLE: at.table };
  const [admin, produce, fetch] = [callFunction(env), callFunction(env), callFunction(env)];
  const topic = `f-${records}-${bytes}`;
  await admin.post('/api/topics', { name: topic, partitions: 1 });
  const path = `/api/topics/${topic}/partitions/0/records`;
  const body = {
    records: Array.from({ length: records }, () => ({ value_base64: randomBytes(bytes).toString('base64') })),
  };
  const produced = await timed(trace, calls, () => produce.post(path, body));
  // Each call's records once, none of which this function has seen.
  const fetched = await timed(trace, calls, (call) =>
    fetch.get(path, { from: String(call * records), max_bytes: '1', limit: String(Math.min(records, 1000)) }),
  );
  return { produced, fetched };
}

async function timed(trace: Trace, calls: number, run: (call: number) => Promise<unknown>): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let call = 0; call < calls + WARM_CALLS; call++) {
    trace.take();
    const begun = performance.now();
    await run(call);
    const ms = performance.now() - begun;
    if (call >= WARM_CALLS) samples.push({ ms, taken: trace.take() });
  }
  return samples;
}

/** With its linger. What one call took of the services is not told apart from what others did at the time. */
async function throughLibrary(
  trace: Trace,
  at: { bucket: string; table: string },
  { records, bytes }: Case,
  calls: number,
): Promise<Sample[]> {
  const log = await openAws(at);
  const topic = `l-${records}-${bytes}`;
  await log.topics.create(topic, { partitions: 1 });
  const value = randomBytes(bytes);
  const batch = Array.from({ length: records }, () => ({ partition: 0, value }));
  for (let call = 0; call < WARM_CALLS; call++) await log.append(topic, batch);
  const begun = performance.now();
  const answers: Promise<Sample>[] = [];
  for (let call = 0; call < calls; call++) {
    const due = begun + (call * 1000) / PER_SECOND;
    await delay(Math.max(0, due - performance.now()));
    const sent = performance.now();
    answers.push(
      log.append(topic, batch).then(() => ({ ms: performance.now() - sent, taken: { path: '', held: Number.NaN } })),
    );
  }
  const samples = await Promise.all(answers);
  await log.close();
  trace.take();
  return samples;
}

function figuresOf(what: string, samples: readonly Sample[], goal: { p50?: number; p99?: number } = {}): Figure[] {
  return (
    [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const
  ).map(([name, q]) => {
    const held = quantile(
      samples.map(({ taken }) => taken.held),
      q,
    );
    return {
      what: `${what}, ${name}`,
      varve: quantile(
        samples.map(({ ms }) => ms),
        q,
      ),
      unit: 'ms',
      ...(held > 0 && { limit: held, beside: 'what the services took' }),
      ...(goal[name] !== undefined && { goal: `${goal[name]} ms or less` }),
    };
  });
}

/** The ways that calls took, the most frequent first: `>` waits for what is before it, `+` does not. */
function showPaths(what: string, samples: readonly Sample[]): void {
  const ways = [...Map.groupBy(samples, ({ taken }) => taken.path)].toSorted(([, a], [, b]) => b.length - a.length);
  console.log(`  ${what}:`);
  for (const [path, those] of ways.slice(0, 5)) {
    const share = `${((100 * those.length) / samples.length).toFixed(1)}%`;
    console.log(
      `    ${share.padStart(6)}  ${median(those.map(({ ms }) => ms))
        .toFixed(0)
        .padStart(3)} ms  ${path || '(nothing asked)'}`,
    );
  }
}
