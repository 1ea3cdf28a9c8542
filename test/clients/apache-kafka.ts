import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { poll } from '../support/poll.ts';
import type { Java } from './java.ts';
import { finish, type Running, start } from './processes.ts';

/** One node of Apache Kafka, broker and controller in one process. */
export interface ApacheKafka extends Running {
  /** `127.0.0.1:PORT` */
  readonly kafka: string;
}

const UP_MS = 120_000;
const ATTEMPTS = 3;

/** Of one node that works alone: what is replicated by default has one replica, and groups begin at once. */
const ALONE = {
  'process.roles': 'broker,controller',
  'node.id': 1,
  'controller.listener.names': 'CONTROLLER',
  'inter.broker.listener.name': 'PLAINTEXT',
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 4,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'group.initial.rebalance.delay.ms': 0,
};

/** Broker configuration by Kafka's names, over the defaults that one node alone needs. */
export type Properties = Readonly<Record<string, string | number | boolean>>;

/** A `.properties` file's text. */
export const properties = (values: Properties): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

/**
 * Starts a node that keeps its data in `folder`, which must be new or a stopped node's, on free ports of 127.0.0.1, and resolves
 * when it answers with itself as broker. Throws with what it printed when it ends or takes too long.
 */
export async function startApacheKafka(java: Java, folder: string, more: Properties = {}): Promise<ApacheKafka> {
  await mkdir(folder, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    const [port, controller] = [await freePort(), await freePort()];
    const file = join(folder, 'server.properties');
    const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`;
    const own = {
      listeners,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'log.dirs': join(folder, 'logs'),
    };
    await writeFile(file, properties({ ...ALONE, ...own, ...more }));
    const formatting = ['format', '--ignore-formatted', '-t', 'VmFydmUtY29tcGFyZXM-AA', '-c', file];
    const formatted = await finish(java.command('kafka.tools.StorageTool', ...formatting), { timeout: UP_MS });
    if (formatted.code !== 0) throw new Error(formatted.stderr + formatted.stdout);
    const node = start(java.command('kafka.Kafka', file));
    const kafka = `127.0.0.1:${port}`;
    try {
      await poll('Apache Kafka answers', UP_MS, () => answers(kafka, node), 100);
      return { ...node, kafka };
    } catch (error) {
      await node.stop();
      // Somebody took a port between our look and its use.
      if (attempt < ATTEMPTS && node.output().includes('Address already in use')) continue;
      throw new Error(`${error instanceof Error ? error.message : error}\n${node.output()}`);
    }
  }
}

async function answers(broker: string, node: Running): Promise<true | undefined> {
  if (node.ended()) throw new Error('Apache Kafka ended');
  const options = { brokers: [broker], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 0 } };
  const admin = new kafkajs.Kafka(options).admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    return brokers.length > 0 ? true : undefined;
  } catch {
    return undefined;
  } finally {
    await admin.disconnect();
  }
}

/** A port of 127.0.0.1 that nobody held a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}
