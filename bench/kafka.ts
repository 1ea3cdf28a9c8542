import { setTimeout as delay } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { type Java, java } from '../test/clients/java.ts';
import { type Figure, median, printColumns } from './figures.ts';
import { BROKER_FLAGS, type System, startSystems, usageOf } from './kafka/systems.ts';
import { consumePerf, endToEnd, producePerf, type Seen } from './kafka/tools.ts';
import type { Scale } from './scale.ts';

/** What the tools' own scripts give them. */
const TOOL_FLAGS = ['-Xmx512m'];
const SIZES = [100, 1000, 10_000];
const PARTITIONS = [1, 6];
/** Bytes of values that one run of a tool sends, at the full scale's `bytes`. */
const SHARE = 1 / 8;
const MESSAGES_A_SECOND = 200;
const WARM = { size: 1001, partitions: 3 };

interface Kind {
  /** Bytes of a value. */
  size: number;
  partitions: number;
  records: number;
}

interface Case {
  what: string;
  topic: string;
  partitions: number;
  /** Bytes of values that one run moves; absent where the time is what counts. */
  bytes?: number;
  run(system: System): Promise<Seen>;
}

type Sample = Seen & { cpuPerGB?: number };

/**
 * Kafka's own perf tools against Varve and Apache Kafka, which run beside each other and are measured in turns: forth, then back.
 * CPU is that of the server's process: it says the same on a machine that others use too, which rates and latencies do not.
 */
export async function kafka(folder: string, scale: Scale): Promise<Figure[]> {
  const [broker, tool] = [await java(BROKER_FLAGS), await java(TOOL_FLAGS)];
  if (!('ok' in broker && 'ok' in tool)) return [];
  const systems = await startSystems(broker.ok, folder);
  try {
    const isQuick = scale.turns === 1;
    const bytes = Math.round(scale.bytes * SHARE);
    const kinds = (isQuick ? [1000] : SIZES).flatMap((size) =>
      (isQuick ? [1] : PARTITIONS).map((partitions): Kind => ({ size, partitions, records: Math.ceil(bytes / size) })),
    );
    const produced = kinds.map((kind) => produces(tool.ok, kind));
    // All that the turns of produce wrote.
    const consumed = kinds.map((kind) => consumes(tool.ok, { ...kind, records: kind.records * scale.turns }));
    const warm = produces(tool.ok, { ...WARM, records: Math.ceil(bytes / WARM.size) });
    const latency: Case = {
      what: 'end to end, 100 B',
      topic: 'e2e',
      partitions: 1,
      run: (system) => endToEnd(tool.ok, system, 'e2e', scale.seconds * MESSAGES_A_SECOND, 100),
    };

    for (const system of systems) await makeTopics(system, [warm, ...produced, latency]);
    // Not counted: servers' code is compiled.
    await rounds(systems, warm, { ...scale, turns: 1 });
    const header = ['', ...systems.map(({ name }) => name), 'to fsync', 'to none'];
    const rows = [header, ...(await idle(systems, scale))];
    for (const one of [...produced, ...consumed, latency])
      rows.push(...rowsOf(one.what, await rounds(systems, one, scale)));
    console.log(`  medians of ${scale.turns}, lowest to highest in parentheses; 'to': Varve / Kafka, below 1 is less`);
    console.log(
      `  Kafka, fsync: log.flush.interval.messages=1, as durable as Varve; goal there: rates of 1.00 or more`,
    );
    printColumns(rows);
    return [];
  } finally {
    await Promise.all(systems.map((system) => system.stop()));
  }
}

function produces(java: Java, { size, partitions, records }: Kind): Case {
  const topic = topicOf(size, partitions);
  const run = (system: System) => producePerf(java, system, topic, records, size);
  return { what: `produce ${describe(size, partitions)}`, topic, partitions, bytes: records * size, run };
}

function consumes(java: Java, { size, partitions, records }: Kind): Case {
  const topic = topicOf(size, partitions);
  const run = (system: System) => consumePerf(java, system, topic, records);
  return { what: `consume ${describe(size, partitions)}`, topic, partitions, bytes: records * size, run };
}

const topicOf = (size: number, partitions: number) => `perf-${size}-${partitions}`;
const describe = (size: number, partitions: number) =>
  `${size} B, ${partitions} partition${partitions === 1 ? '' : 's'}`;

async function makeTopics({ kafka }: System, cases: readonly Case[]): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [kafka], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = cases.map(({ topic, partitions }) => ({ topic, numPartitions: partitions }));
  await admin.createTopics({ topics, waitForLeaders: true });
  await admin.disconnect();
}

/** Before any load. */
async function idle(systems: readonly System[], { seconds }: Scale): Promise<string[][]> {
  const before = systems.map(usageOf);
  await delay(seconds * 1000);
  const after = systems.map(usageOf);
  const memory = after.map(({ resident }) => resident / 1e6);
  const cpu = after.map((usage, i) => ((usage.cpu - before[i]!.cpu) / seconds) * 1000);
  return [
    line(
      'idle: memory',
      'MB',
      memory.map((one) => [one]),
    ),
    line(
      'idle: CPU a second',
      'ms',
      cpu.map((one) => [one]),
    ),
  ];
}

/** Each system's samples. */
async function rounds(systems: readonly System[], one: Case, { turns }: Scale): Promise<Sample[][]> {
  const samples = systems.map((): Sample[] => []);
  for (let turn = 0; turn < turns; turn++) {
    const order = [...systems.keys()];
    for (const i of turn % 2 === 0 ? order : order.reverse()) {
      const before = usageOf(systems[i]!);
      const seen = await one.run(systems[i]!);
      const cpu = usageOf(systems[i]!).cpu - before.cpu;
      samples[i]!.push({ ...seen, ...(one.bytes !== undefined && { cpuPerGB: (cpu * 1e9) / one.bytes }) });
    }
  }
  return samples;
}

const SHOWN = [
  ['rate', 'MB/s', ''],
  ['p50', 'ms', ', p50'],
  ['p99', 'ms', ', p99'],
  ['cpuPerGB', 's/GB', ', CPU'],
] as const satisfies readonly (readonly [keyof Sample, string, string])[];

function rowsOf(what: string, samples: readonly Sample[][]): string[][] {
  return SHOWN.flatMap(([field, unit, name]) => {
    const values = samples.map((own) => own.map((sample) => sample[field]).filter((value) => value !== undefined));
    return values.some(({ length }) => length === 0) ? [] : [line(what + name, unit, values)];
  });
}

function line(what: string, unit: string, values: readonly number[][]): string[] {
  const show = (value: number) => value.toFixed(value < 10 ? 2 : 0);
  const cells = values.map((own) => {
    const spread = own.length > 1 ? ` (${show(Math.min(...own))}-${show(Math.max(...own))})` : '';
    return `${show(median(own))}${spread} ${unit}`;
  });
  const [varve, ...others] = values.map((own) => median(own));
  return [what, ...cells, ...others.map((other) => (varve! / other).toFixed(2))];
}
