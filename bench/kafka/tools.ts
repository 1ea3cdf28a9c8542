import { type Java, TOOLS } from '../../test/clients/java.ts';
import { finish } from '../../test/clients/processes.ts';
import type { System } from './systems.ts';

/** What a perf tool saw; which of them depends on the tool. */
export interface Seen {
  /** 10^6 bytes of values a second. */
  rate?: number;
  /** Milliseconds. */
  p50?: number;
  p99?: number;
}

const TIMEOUT_MS = 600_000;
/** The tools count in these. */
const MIB = 1024 * 1024;

/** As fast as it goes, once the tool's own code is compiled: its first tenth does not count. */
export async function producePerf(
  java: Java,
  { kafka }: System,
  topic: string,
  records: number,
  size: number,
): Promise<Seen> {
  const printed = await run(java, TOOLS['kafka-producer-perf-test.sh'], [
    ...['--bootstrap-server', kafka, '--topic', topic, '--throughput', '-1', '--command-property', 'acks=all'],
    ...['--num-records', `${records}`, '--record-size', `${size}`, '--warmup-records', `${Math.ceil(records / 10)}`],
  ]);
  const [, rate] = expected(/\(([\d.]+) MB\/sec\)(?![\s\S]*MB\/sec)/, printed);
  const [, p50, p99] = expected(/([\d.]+) ms 50th, [\d.]+ ms 95th, ([\d.]+) ms 99th/, printed);
  return { rate: (Number(rate) * MIB) / 1e6, p50: Number(p50), p99: Number(p99) };
}

/** From the first record on, by a new group; the time in which the group forms does not count. */
export async function consumePerf(java: Java, { kafka }: System, topic: string, records: number): Promise<Seen> {
  const printed = await run(java, TOOLS['kafka-consumer-perf-test.sh'], [
    ...[
      '--bootstrap-server',
      kafka,
      '--topic',
      topic,
      '--num-records',
      `${records}`,
      '--timeout',
      '60000',
      '--hide-header',
    ],
  ]);
  // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
  const columns = printed.trim().split('\n').at(-1)!.split(', ');
  if (Number(columns[4]) < records)
    throw new Error(`the consumer got ${columns[4]} of ${records} records:\n${printed}`);
  return { rate: (Number(columns[8]) * MIB) / 1e6 };
}

/** One record after the other, each sent when the one before it was read. */
export async function endToEnd(
  java: Java,
  { kafka }: System,
  topic: string,
  records: number,
  size: number,
): Promise<Seen> {
  const printed = await run(java, TOOLS['kafka-e2e-latency.sh'], [kafka, topic, `${records}`, 'all', `${size}`]);
  const [, p50, p99] = expected(/50th = (\d+), 99th = (\d+)/, printed);
  return { p50: Number(p50), p99: Number(p99) };
}

async function run(java: Java, tool: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await finish(java.command(tool, ...args), { timeout: TIMEOUT_MS });
  if (code !== 0) throw new Error(`${tool} ended with ${code}:\n${stderr}${stdout}`);
  return stdout;
}

function expected(pattern: RegExp, printed: string): RegExpExecArray {
  const found = pattern.exec(printed);
  if (!found) throw new Error(`a perf tool printed what is not understood:\n${printed}`);
  return found;
}
