import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { offsetFetch } from '../../lib/doors/kafka/apis/offset-fetch.ts';
import { java, TOOLS } from '../clients/java.ts';
import { type Running, start } from '../clients/processes.ts';
import { connectRaw } from '../doors/kafka/gateway.ts';
import { apiOf } from '../support/api.ts';
import { poll } from '../support/poll.ts';
import { seeded } from '../support/random.ts';
import { type ServerProcess, startServer } from '../support/server.ts';
import { count, millis, type Proof } from './trial.ts';

const PARTITIONS = 4;
/** Records a second of each producer. */
const THROUGHPUT = 1_000;
/** Acknowledgements of each producer between two kills: the load was really on. */
const ACKS_BETWEEN = 500;
/** Milliseconds that anything may take: a slow machine's, no claim. */
const PATIENCE = 120_000;

/** Both send everything to all replicas; what else the Java client is told, and what it promises then. */
const PRODUCERS = {
  idempotent: 'enable.idempotence=true\nretries=2147483647\ndelivery.timeout.ms=300000\nmax.block.ms=300000\n',
  plain: 'enable.idempotence=false\n',
} as const;
type Kind = keyof typeof PRODUCERS;
const KINDS = Object.keys(PRODUCERS) as Kind[];

/**
 * SIGKILL while Kafka's own verifiable producers write, one idempotent and one plain, and groups of verifiable consumers read:
 * on the same port the server comes back, and the clients go on by themselves. Then the log is read back over HTTP.
 */
export const prove: Proof = async ({ size, seed, folder, figure, claim, skip }) => {
  const kafka = await java();
  if ('unavailable' in kafka) return skip(kafka.unavailable);
  // Each client is a JVM, whose start is what takes a small machine's time.
  const { kills, consumers } = size === 'full' ? { kills: 20, consumers: 2 } : { kills: 2, consumers: 1 };
  const random = seeded(seed);
  const data = join(folder, 'data');
  const args = ['--config', 'group.initial.rebalance.delay.ms=0'];
  let server = await startServer(data, { args });
  args.push('--kafka-port', server.kafka.split(':')[1]!);
  const clients: Running[] = [];
  const run = (tool: keyof typeof TOOLS, words: string, onEvent: (event: ToolEvent) => void) => {
    const command = kafka.ok.command(TOOLS[tool], ...words.split(' '), '--bootstrap-server', server.kafka);
    const client = start(command, (line) => {
      if (line.startsWith('{')) onEvent(JSON.parse(line));
    });
    clients.push(client);
    return client;
  };

  const tracks = {} as Record<Kind, Track>;
  const producers: Running[] = [];
  try {
    for (const kind of KINDS) {
      await apiOf(server.url).createTopic(kind, PARTITIONS);
      const track = newTrack();
      tracks[kind] = track;
      const config = join(folder, `${kind}.properties`);
      await writeFile(config, PRODUCERS[kind]);
      const producing = `--topic ${kind} --acks -1 --throughput ${THROUGHPUT} --command-config ${config}`;
      producers.push(run('kafka-verifiable-producer.sh', producing, (event) => onProduced(track, event)));
      for (let i = 0; i < consumers; i++) {
        const consuming = `--topic ${kind} --group-id ${groupOf(kind)} --verbose --reset-policy earliest`;
        run('kafka-verifiable-consumer.sh', consuming, (event) => onConsumed(track, event));
      }
    }
    const recoveries: number[] = [];
    const wentBack: string[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const before = KINDS.map((kind) => progressOf(tracks[kind]));
      await poll('all clients go on', PATIENCE, () =>
        KINDS.every((kind, i) => wentOn(before[i]!, progressOf(tracks[kind]))) ? true : undefined,
      );
      await delay(random() * 1_000);
      const told = KINDS.map((kind) => new Map(tracks[kind].committed));
      await server.kill();
      server = await startServer(data, { args });
      recoveries.push(server.startedIn);
      for (const [i, kind] of KINDS.entries()) {
        const kept = await committedOffsets(server, kind);
        for (const [partition, offset] of told[i]!) {
          if ((kept.get(partition) ?? -1) >= offset) continue;
          wentBack.push(`${kind}-${partition} after kill ${kill + 1}: ${kept.get(partition)} < ${offset}`);
        }
      }
    }
    const last = KINDS.map((kind) => progressOf(tracks[kind]));
    await poll('all clients go on', PATIENCE, () =>
      KINDS.every((kind, i) => wentOn(last[i]!, progressOf(tracks[kind]))) ? true : undefined,
    );
    // On SIGTERM they flush, and print what became of it.
    await Promise.all(producers.map((producer) => producer.stop()));
    const stored = new Map<Kind, Stored[]>();
    for (const kind of KINDS) stored.set(kind, await readBack(server, kind));
    await poll('the consumers have seen all', PATIENCE, () =>
      KINDS.every((kind) => unseen(tracks[kind], stored.get(kind)!) === undefined) ? true : undefined,
    ).catch(() => {}); // What they have not seen is told below.
    await Promise.all(clients.map((client) => client.stop()));
    const exitCode = await server.stop();

    figure('kills', count(kills));
    figure('serving again after, median', millis(recoveries.toSorted((a, b) => a - b)[kills >> 1]!));
    figure('serving again after, longest', millis(Math.max(...recoveries)));
    for (const kind of KINDS) {
      const track = tracks[kind];
      const there = stored.get(kind)!;
      const records = there.reduce((sum, { values }) => sum + values.length, 0);
      figure(`${kind}: acknowledged, failed`, `${count(track.acked.length)}, ${count(track.failed)}`);
      figure(`${kind}: stored, consumed`, `${count(records)}, ${count(track.consumed)}`);
      const { lost, doubled, disordered, gaps, differing } = compare(track, there);
      claim(`${kind}: what was acknowledged is where it was said to be`, lost.length === 0, lost[0]);
      claim(`${kind}: offsets are dense from 0`, gaps.length === 0, gaps[0]);
      if (kind === 'idempotent') {
        claim('idempotent: every send was acknowledged', track.failed === 0, track.failure);
        claim('idempotent: no value is there twice', doubled.length === 0, doubled[0]);
        claim('idempotent: every partition has its values in order', disordered.length === 0, disordered[0]);
      }
      const missed = unseen(track, there);
      claim(`${kind}: the group has seen every record`, missed === undefined, missed);
      claim(`${kind}: what it saw is what is stored`, differing.length === 0, differing[0]);
      const back = commitsBack(track);
      claim(`${kind}: no committed offset went back`, back === undefined, back);
    }
    claim('what was committed before a kill is there after it', wentBack.length === 0, wentBack[0]);
    claim('the server stops cleanly on SIGTERM', exitCode === 0, `exit code ${exitCode}`);
  } finally {
    await Promise.all(clients.map((client) => client.stop()));
    await server.kill();
  }
};

const groupOf = (kind: Kind) => `${kind}-readers`;

/** What the tools print, as far as it counts here. */
type ToolEvent =
  | { name: 'producer_send_success'; value: string; partition: number; offset: number }
  | { name: 'producer_send_error'; value: string; message: string }
  | { name: 'record_data'; value: string; partition: number; offset: number }
  | { name: 'offsets_committed'; timestamp: number; success: boolean; offsets: { partition: number; offset: number }[] }
  | { name: 'other' };

interface Acked {
  value: string;
  partition: number;
  offset: number;
}

/** What the clients of one topic have said. */
interface Track {
  acked: Acked[];
  failed: number;
  failure?: string;
  /** By partition, at their offsets. */
  seen: string[][];
  consumed: number;
  /** The highest, by partition. */
  committed: Map<number, number>;
  commits: { timestamp: number; partition: number; offset: number }[];
  /** Each says what is wrong. */
  differing: string[];
}

function newTrack(): Track {
  const seen = Array.from({ length: PARTITIONS }, () => []);
  return { acked: [], failed: 0, seen, consumed: 0, committed: new Map(), commits: [], differing: [] };
}

function onProduced(track: Track, event: ToolEvent): void {
  if (event.name === 'producer_send_success') {
    const { value, partition, offset } = event;
    track.acked.push({ value, partition, offset });
  } else if (event.name === 'producer_send_error') {
    track.failed++;
    track.failure ??= `${event.value}: ${event.message}`;
  }
}

function onConsumed(track: Track, event: ToolEvent): void {
  if (event.name === 'record_data') {
    const { value, partition, offset } = event;
    const before = track.seen[partition]![offset];
    if (before !== undefined && before !== value) track.differing.push(`${partition}@${offset}: ${before}, ${value}`);
    track.seen[partition]![offset] = value;
    track.consumed++;
  } else if (event.name === 'offsets_committed' && event.success) {
    for (const { partition, offset } of event.offsets) {
      track.commits.push({ timestamp: event.timestamp, partition, offset });
      track.committed.set(partition, Math.max(track.committed.get(partition) ?? 0, offset));
    }
  }
}

const progressOf = ({ acked, consumed, commits }: Track) => ({
  acked: acked.length,
  consumed,
  commits: commits.length,
});
type Progress = ReturnType<typeof progressOf>;

function wentOn(before: Progress, now: Progress): boolean {
  return (
    now.acked >= before.acked + ACKS_BETWEEN &&
    now.consumed >= before.consumed + ACKS_BETWEEN &&
    now.commits > before.commits
  );
}

async function committedOffsets(server: ServerProcess, kind: Kind): Promise<Map<number, number>> {
  const client = await connectRaw(Number(server.kafka.split(':')[1]));
  const { topics } = await client.call(offsetFetch, 5, { groupId: groupOf(kind), topics: null });
  client.end();
  return new Map(
    topics.flatMap(({ partitions }) => partitions.map((one) => [one.partitionIndex, one.committedOffset])),
  );
}

interface Stored {
  offsets: number[];
  values: string[];
}

async function readBack(server: ServerProcess, topic: string): Promise<Stored[]> {
  const all: Stored[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const stored: Stored = { offsets: [], values: [] };
    for await (const { offset, value } of apiOf(server.url).readAll(topic, partition)) {
      stored.offsets.push(offset);
      stored.values.push(String(value));
    }
    all.push(stored);
  }
  return all;
}

/** The first record that no consumer has told of. */
function unseen({ seen }: Track, stored: readonly Stored[]): string | undefined {
  for (const [partition, { values }] of stored.entries()) {
    const missing = values.findIndex((_, offset) => seen[partition]![offset] === undefined);
    if (missing >= 0) return `${values[missing]}, ${partition}@${missing}`;
  }
  return undefined;
}

/** The first commit of an offset below one that was committed before; what two consumers print comes in any order. */
function commitsBack({ commits }: Track): string | undefined {
  const highest = new Map<number, number>();
  for (const { partition, offset } of commits.toSorted((a, b) => a.timestamp - b.timestamp)) {
    const before = highest.get(partition) ?? 0;
    if (offset < before) return `partition ${partition}: ${offset} after ${before}`;
    highest.set(partition, offset);
  }
  return undefined;
}

/** Each list says what is wrong; all empty when all is well. */
function compare({ acked, seen, ...track }: Track, stored: readonly Stored[]) {
  const lost = acked
    .filter(({ value, partition, offset }) => stored[partition]!.values[offset] !== value)
    .map(({ value, partition, offset }) => `${value} is not at ${partition}@${offset}`);
  const gaps = stored.flatMap(({ offsets }, partition) => {
    const at = offsets.findIndex((offset, i) => offset !== i);
    return at < 0 ? [] : [`partition ${partition} has ${offsets[at]} where ${at} should be`];
  });
  const differing = stored.flatMap(({ values }, partition) => {
    const at = values.findIndex((value, offset) => seen[partition]![offset] !== value);
    return at < 0 || seen[partition]![at] === undefined ? [] : [`${seen[partition]![at]} is ${values[at]}`];
  });
  const doubled: string[] = [];
  const found = new Set<string>();
  const disordered: string[] = [];
  for (const [partition, { values }] of stored.entries()) {
    for (const [i, value] of values.entries()) {
      if (found.has(value)) doubled.push(`${value}, the second time at ${partition}@${i}`);
      found.add(value);
      if (i > 0 && Number(value) < Number(values[i - 1]))
        disordered.push(`${values[i - 1]}, ${value} at ${partition}@${i}`);
    }
  }
  return { lost, gaps, doubled, disordered, differing: [...track.differing, ...differing] };
}
