import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startApacheKafka } from '../../test/clients/apache-kafka.ts';
import type { Java } from '../../test/clients/java.ts';
import { startServer } from '../../test/support/server.ts';

/** A broker that runs in one process of its own. */
export interface System {
  readonly name: string;
  /** `127.0.0.1:PORT` */
  readonly kafka: string;
  readonly pid: number;
  stop(): Promise<unknown>;
}

/** What a process has used so far: seconds of CPU, and the bytes that it has in memory now. */
export interface Usage {
  cpu: number;
  resident: number;
}

/** As kafka-server-start.sh runs the JVM. */
export const BROKER_FLAGS = [
  '-Xms1G',
  '-Xmx1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
];

const START_MS = 120_000;

/** Varve as it comes; Apache Kafka as durable as that, which is an fsync before each answer; and Apache Kafka as it comes, without any. */
export async function startSystems(
  java: Java,
  folder: string,
): Promise<[varve: System, synced: System, plain: System]> {
  // One after the other: each has the machine for itself while it starts.
  const options = { args: ['--config', 'group.initial.rebalance.delay.ms=0'], timeout: START_MS };
  const varve = await startServer(join(folder, 'varve'), options);
  const synced = await startApacheKafka(java, join(folder, 'synced'), { 'log.flush.interval.messages': 1 });
  const plain = await startApacheKafka(java, join(folder, 'plain'));
  return [
    { name: 'Varve', ...varve },
    { name: 'Kafka, fsync', ...synced },
    { name: 'Kafka', ...plain },
  ];
}

/** Of Linux's clock: USER_HZ is 100 wherever Node and Java run. */
const TICK_SECONDS = 0.01;
const PAGE_BYTES = 4096;

/** Of the process alone, not of its children. Needs Linux. */
export function usageOf({ pid }: System): Usage {
  // The name, in parentheses, may hold anything: what is counted comes after it. utime is the 14th field, stime the 15th, rss the 24th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
  const at = (field: number) => Number(fields[field - 3]);
  return { cpu: (at(14) + at(15)) * TICK_SECONDS, resident: at(24) * PAGE_BYTES };
}
