import { poll } from '../support/poll.ts';
import { type Conversation, converse } from './processes.ts';

/**
 * A Kafka client behind a command line that is the same for all of them:
 *
 *     PROGRAM produce OPTIONS     reads records, a line of JSON each; prints {"acked": id, partition, offset} for every one that the
 *                                 broker has taken, {"refused": id, error} for every other; ends when its input has ended
 *     PROGRAM consume OPTIONS     reads a topic from its beginning as a member of a group, until its input ends; prints
 *                                 {"assigned": [partitions]} whenever they change, and {"records": [...]} as they come, and
 *                                 then commits them; leaves the group before it ends
 *
 * OPTIONS are ProduceOptions and ConsumeOptions in JSON. Keys and values are in base64.
 */
export interface Client {
  readonly name: string;
  readonly program: readonly [string, ...string[]];
  readonly codecs: readonly Codec[];
  /** In the client's order of preference. */
  readonly assignors: readonly Assignor[];
  /** It can be a static member (KIP-345). */
  readonly isStatic: boolean;
  /** What of a record it cannot carry. */
  readonly lacks: readonly ('null header values' | 'repeated headers' | 'empty keys')[];
}

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
export type Assignor = 'range' | 'roundrobin' | 'sticky' | 'cooperative-sticky' | 'RoundRobinAssigner';

export interface ProduceOptions {
  bootstrap: string;
  topic: string;
  idempotent: boolean;
}

export interface ConsumeOptions {
  bootstrap: string;
  topic: string;
  group: string;
  assignor: string;
  /** Of a static member. */
  instance?: string;
  /** The session's time-out, milliseconds. */
  session: number;
}

/** A record in JSON; key, value and the headers' values in base64. */
export interface WireRecord {
  partition: number;
  /** Milliseconds. */
  timestamp: number;
  key: string | null;
  value: string | null;
  headers: [string, string | null][];
}
export type WireSent = WireRecord & { id: number; codec: Codec };
export type WireReceived = WireRecord & { offset: number };

/** A client that produces. */
export interface Producing {
  /** Where the records are, by their ids: their numbers in the order of sending. */
  readonly acked: ReadonlyMap<number, { partition: number; offset: number }>;
  /** Resolves at once: only `acked` and `finish` say how it went. */
  send(records: readonly (WireRecord & { codec: Codec })[]): void;
  /** Rejects with what the program printed unless all has been taken. */
  finish(timeout: number): Promise<void>;
  kill(): Promise<void>;
}

/** A client that consumes. */
export interface Consuming {
  readonly assigned: readonly number[];
  /** In the order in which they came. */
  readonly records: readonly WireReceived[];
  /** The end of what it printed to its standard error. */
  complaints(): string;
  /** Leaves its group; rejects when the program does not end well. */
  leave(timeout: number): Promise<void>;
  /** SIGKILL: it says nothing to anybody. */
  kill(): Promise<void>;
}

type Line = { acked: number; partition: number; offset: number } | { refused: number; error: string };
type Heard = { assigned: number[] } | { records: WireReceived[] };

export function produce({ name, program }: Client, options: ProduceOptions): Producing {
  const acked = new Map<number, { partition: number; offset: number }>();
  const refused: string[] = [];
  const talk = converse([...program, 'produce', JSON.stringify(options)], (text) => {
    const line = JSON.parse(text) as Line;
    if ('acked' in line) acked.set(line.acked, { partition: line.partition, offset: line.offset });
    else refused.push(line.error);
  });
  let sent = 0;
  return {
    acked,
    send(records) {
      for (const record of records) talk.say(JSON.stringify({ id: sent++, ...record }));
    },
    async finish(timeout) {
      await finish(`${name} produces`, talk, timeout);
      if (refused.length > 0) throw new Error(`${name}: ${refused.length} records were refused: ${refused[0]}`);
      if (acked.size !== sent) throw new Error(`${name}: ${acked.size} of ${sent} records were acknowledged`);
    },
    kill: talk.kill,
  };
}

export function consume({ name, program }: Client, options: ConsumeOptions): Consuming {
  let assigned: number[] = [];
  const records: WireReceived[] = [];
  const talk = converse([...program, 'consume', JSON.stringify(options)], (text) => {
    const line = JSON.parse(text) as Heard;
    if ('records' in line) records.push(...line.records);
    else {
      assigned = line.assigned;
    }
  });
  return {
    get assigned() {
      return assigned;
    },
    records,
    complaints: talk.complaints,
    leave: (timeout) => finish(`${name} leaves`, talk, timeout),
    kill: talk.kill,
  };
}

async function finish(what: string, talk: Conversation, timeout: number): Promise<void> {
  talk.end();
  try {
    const code = await poll(what, timeout, talk.exitCode, 50);
    if (code !== 0) throw new Error(`${what}: exit code ${code}`);
  } catch (error) {
    await talk.kill();
    throw new Error(`${error instanceof Error ? error.message : error}\n${talk.complaints()}`);
  }
}
