import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import { partitionForKey } from '../log/partitioner.ts';
import type { AppendedRecord, NewRecord } from './records.ts';
import { patience, type Requests } from './requests.ts';
import { type ProducerIdentity, postBatch, sequencedAppends } from './sequenced.ts';
import { shapeOf, type TopicShape } from './topic-shape.ts';
import type { Topics } from './topics.ts';

/**
 * Appends without duplicates, whatever fails between: what was not answered is sent again under the same sequence. Calls to one
 * partition are appended in the order they were made; what waits for an answer goes together in the next request.
 */
export interface Producer {
  /**
   * Resolves when every record is durable, with answers in the order of `records`. Rejects with the first failure: records for
   * other partitions may be appended, and if it is retriable, those for its own partition too. Records are held in memory until
   * then: await calls before making many more. Of no records it resolves when the topic is known to be there.
   */
  append(topic: string, records: readonly NewRecord[]): Promise<AppendedRecord[]>;
}

export interface ProducerOptions {
  requests: Requests;
  topics: Topics;
  clock: Clock;
  /** Milliseconds that a batch may go without an answer. */
  deliveryTimeout: number;
  signal: AbortSignal | undefined;
}

interface Limits {
  partitions: number;
  /** Characters of a batch's JSON. */
  batch: number;
}

const MAX_BATCH_RECORDS = 10_000;
const MAX_BATCH_CHARACTERS = 1024 * 1024;

/** JSON texts of records for one partition that are sent in one request. */
interface Batch {
  records: string[];
  characters: number;
}

/** A batch of one call. */
interface Part extends Batch {
  resolve(answers: AppendedRecord[]): void;
  reject(error: unknown): void;
}

/** What one partition has still to append: at most one request is on its way. */
interface Lane {
  topic: string;
  partition: number;
  waiting: Part[];
  sending: boolean;
  /** The lane's producer, as the server knows it. */
  identity: ProducerIdentity | undefined;
  sequence: number;
}

export function createProducer({ requests, topics, clock, deliveryTimeout, signal }: ProducerOptions): Producer {
  const { initProducer } = sequencedAppends(requests);
  const limits = new Map<string, Promise<Limits>>();
  const lanes = new Map<string, Lane>();
  let turn = 0;

  function limitsOf(topic: string): Promise<Limits> {
    const known = limits.get(topic) ?? shapeOf(topic, topics, requests).then(limitsFrom);
    limits.set(topic, known);
    known.catch(() => limits.delete(topic));
    return known;

    function limitsFrom({ partitions, maxMessageBytes }: TopicShape): Limits {
      // A character is up to three bytes, and the JSON of a record has more of them than its encoding has bytes.
      return { partitions, batch: Math.min(maxMessageBytes / 3, MAX_BATCH_CHARACTERS) };
    }
  }

  function laneOf(topic: string, partition: number): Lane {
    const name = `${topic}/${partition}`;
    const known = lanes.get(name);
    if (known) return known;
    const lane: Lane = { topic, partition, waiting: [], sending: false, identity: undefined, sequence: 0 };
    lanes.set(name, lane);
    return lane;
  }

  /** Sends until nothing waits. It never rejects: failures belong to the calls. */
  async function drain(lane: Lane, limit: number): Promise<void> {
    if (lane.sending) return;
    lane.sending = true;
    while (lane.waiting.length > 0) await settle(lane, takeTogether(lane.waiting, limit));
    lane.sending = false;
  }

  async function settle(lane: Lane, parts: Part[]): Promise<void> {
    try {
      const answers = await send(
        lane,
        parts.flatMap(({ records }) => records),
      );
      let at = 0;
      for (const { records, resolve } of parts) {
        resolve(answers.slice(at, at + records.length));
        at += records.length;
      }
    } catch (error) {
      const refused = error instanceof VarveError && !error.retriable;
      if (refused && parts.length > 1) {
        // Nothing was appended and the sequence stands: each call is judged alone.
        for (const part of parts) await settle(lane, [part]);
        return;
      }
      // With the outcome open, the sequence may be taken or free: only a new producer knows where it stands.
      if (!refused || isOutOfStep(error)) forget(lane);
      for (const { reject } of parts) reject(error);
    }
  }

  async function send(lane: Lane, records: readonly string[]): Promise<AppendedRecord[]> {
    const trying = patience(clock, deliveryTimeout, signal);
    for (let unanswered = false; ; ) {
      try {
        lane.identity ??= await initProducer();
        const { topic, partition, identity, sequence } = lane;
        const answers = await postBatch(requests, topic, partition, records, { ...identity, sequence });
        lane.sequence += records.length;
        return answers;
      } catch (error) {
        if (error instanceof VarveError && error.code === 'UNKNOWN_PRODUCER_ID' && lane.sequence > 0 && !unanswered) {
          // The server has forgotten a producer that was silent for days, and this batch was not sent before.
          forget(lane);
          continue;
        }
        unanswered = true;
        await trying.failed(error);
      }
    }
  }

  return {
    async append(topic, records) {
      const { partitions, batch: limit } = await limitsOf(topic);
      const keyless = turn++ % partitions;
      const places = records.map((record) => record.partition ?? partitionOf(record, partitions) ?? keyless);
      const appended = new Array<AppendedRecord>(records.length);
      await Promise.all(
        [...Map.groupBy(places.keys(), (index) => places[index]!)].map(async ([partition, indices]) => {
          const lane = laneOf(topic, partition);
          const batches = batchesOf(
            indices.map((index) => JSON.stringify(records[index]!)),
            limit,
          );
          const answers = batches.map(
            (batch) =>
              new Promise<AppendedRecord[]>((resolve, reject) => lane.waiting.push({ ...batch, resolve, reject })),
          );
          void drain(lane, limit);
          for (const [at, answer] of (await Promise.all(answers)).flat().entries()) appended[indices[at]!] = answer;
        }),
      );
      return appended;
    },
  };
}

function forget(lane: Lane): void {
  lane.identity = undefined;
  lane.sequence = 0;
}

const OUT_OF_STEP = ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'DUPLICATE_SEQUENCE_NUMBER', 'INVALID_PRODUCER_EPOCH'];

function isOutOfStep({ code }: VarveError): boolean {
  return code === 'UNKNOWN_PRODUCER_ID' || OUT_OF_STEP.includes(code);
}

function partitionOf({ key, key_base64 }: NewRecord, partitions: number): number | undefined {
  if (typeof key === 'string') return partitionForKey(utf8.encode(key), partitions);
  if (key_base64 === undefined) return undefined;
  const bytes = Uint8Array.from(atob(key_base64), (char) => char.charCodeAt(0));
  return partitionForKey(bytes, partitions);
}

const utf8 = new TextEncoder();

/** Takes from the front as many parts as make one batch. */
function takeTogether(waiting: Part[], limit: number): Part[] {
  let characters = 0;
  let records = 0;
  const end = waiting.findIndex((part, index) => {
    characters += part.characters;
    records += part.records.length;
    return index > 0 && (characters > limit || records > MAX_BATCH_RECORDS);
  });
  return waiting.splice(0, end === -1 ? waiting.length : end);
}

function batchesOf(records: readonly string[], limit: number): Batch[] {
  const batches: Batch[] = [];
  for (const record of records) {
    let open = batches.at(-1);
    if (!open || open.characters + record.length > limit || open.records.length === MAX_BATCH_RECORDS) {
      open = { records: [], characters: 0 };
      batches.push(open);
    }
    open.records.push(record);
    open.characters += record.length;
  }
  return batches;
}
