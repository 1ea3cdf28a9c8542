import { type Clock, sleep } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { AppendedRecord, AppendOptions, AppendRecord, Bytes, EventLog } from './event-log.ts';
import { partitionForKey } from './partitioner.ts';

/**
 * Appends without duplicates, whatever fails between: each call is repeated under the same sequence until it is answered or its
 * time is up. Calls to one partition are appended in the order they were made.
 *
 * A call whose time is up while its outcome is not known is REQUEST_TIMED_OUT: its records are appended once or not at all. What
 * follows in that partition goes on under the next producer epoch, so the records in doubt can never land after it, nor be
 * taken for it. Records that are sent again after that are new records.
 */
export interface Producer {
  readonly id: number;
  /** The highest epoch in use. */
  readonly epoch: number;
  append(
    topic: string,
    records: readonly AppendRecord[],
    options?: Pick<AppendOptions, 'timeout' | 'compression' | 'signal'>,
  ): Promise<AppendedRecord[]>;
}

export interface ProducerDeps {
  log: Pick<EventLog, 'append'>;
  clock: Clock;
  id: number;
  epoch: number;
  /** The partition count of a topic. */
  partitions(topic: string): Promise<number>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const RETRY_FIRST_MS = 20;
const RETRY_LAST_MS = 1_000;
const SEQUENCES = 2 ** 31;
const MAX_EPOCH = 32_767;
/** Records that wait together for a partition travel in one batch, up to this. */
const BATCH_BYTES = 512 * 1024;
const BATCH_RECORDS = 10_000;
/** Not yet answered, of all partitions: beyond it calls are refused with THROTTLING_QUOTA_EXCEEDED. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
const RECORD_OVERHEAD = 64;
const MAX_LANES = 10_000;
const MAX_STICKY_TOPICS = 10_000;

/** Errors that one record can cause: the others of its batch go again without it. Nothing was appended. */
const RECORD_FAULTS: readonly string[] = [
  'INVALID_RECORD',
  'INVALID_REQUEST',
  'INVALID_TIMESTAMP',
  'MESSAGE_TOO_LARGE',
  'UNSUPPORTED_COMPRESSION_TYPE',
];
/** Errors that are said before anything is appended. */
const REFUSALS: readonly string[] = [
  ...RECORD_FAULTS,
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_PRODUCER_EPOCH',
  'LOG_CLOSED',
  'THROTTLING_QUOTA_EXCEEDED',
  'UNKNOWN_TOPIC_OR_PARTITION',
];

/** The records of one call for one partition, or some of them. */
interface Part {
  call: Call;
  records: readonly AppendRecord[];
  /** Where the answers belong in the call. */
  at: readonly number[];
  bytes: number;
}

interface Call {
  answers: AppendedRecord[];
  missing: number;
  /** By the monotonic clock. */
  deadline: number;
  compression: AppendOptions['compression'];
  /** Whether anybody still waits for the answer. */
  open: boolean;
  settle(error?: unknown): void;
}

/** One partition: one batch in flight, the others behind it. */
interface Lane {
  topic: string;
  epoch: number;
  /** Of the next record. */
  sequence: number;
  queue: Part[];
  busy: boolean;
}

type Outcome = { answers: AppendedRecord[] } | { error: unknown; refused: boolean };

export function createProducer({ log, clock, id, epoch: firstEpoch, partitions }: ProducerDeps): Producer {
  const lanes = new Map<string, Lane>();
  const sticky = new Map<string, number>();
  let epoch = firstEpoch;
  let waitingBytes = 0;
  let routing: Promise<unknown> = Promise.resolve();

  function nextEpoch(): number {
    epoch++;
    return epoch;
  }

  function laneOf(topic: string, partition: number): Lane {
    const key = `${partition}@${topic}`;
    const known = lanes.get(key);
    if (known) return known;
    if (lanes.size >= MAX_LANES) {
      // Whoever comes back after that begins at sequence 0 again: under an epoch that its partition has not seen.
      for (const [idle, lane] of lanes) if (!lane.busy) lanes.delete(idle);
      nextEpoch();
    }
    const lane: Lane = { topic, epoch, sequence: 0, queue: [], busy: false };
    lanes.set(key, lane);
    return lane;
  }

  /** Every record with its partition: by key, or one for all that have none, another one for the next call. */
  async function route(topic: string, records: readonly AppendRecord[]): Promise<AppendRecord[]> {
    const count = await partitions(topic);
    const turn = sticky.get(topic) ?? 0;
    if (sticky.size >= MAX_STICKY_TOPICS) sticky.clear();
    if (records.some(({ partition, key }) => partition === undefined && isAbsent(key))) sticky.set(topic, turn + 1);
    const timestamp = clock.now();
    return records.map((record) => ({
      timestamp,
      ...record,
      partition:
        record.partition ?? (isAbsent(record.key) ? turn % count : partitionForKey(bytesOf(record.key), count)),
    }));
  }

  function enqueue(topic: string, records: readonly AppendRecord[], call: Call): void {
    const indexed = records.map((record, at) => ({ record, at }));
    for (const [partition, members] of Map.groupBy(indexed, ({ record }) => record.partition!)) {
      const lane = laneOf(topic, partition);
      lane.queue.push({
        call,
        records: members.map(({ record }) => record),
        at: members.map(({ at }) => at),
        bytes: members.reduce((sum, { record }) => sum + sizeOf(record), 0),
      });
      if (!lane.busy) void work(lane);
    }
  }

  async function work(lane: Lane): Promise<void> {
    lane.busy = true;
    while (lane.queue.length > 0) await send(lane, takeBatch(lane.queue));
    lane.busy = false;
  }

  /** Sends the parts as one batch; when a record is refused, in smaller ones, so that it takes no other with it. */
  async function send(lane: Lane, candidates: readonly Part[]): Promise<void> {
    const parts = candidates.filter(({ call }) => call.open);
    if (parts.length === 0) return;
    const outcome = await attempt(lane, parts);
    if ('answers' in outcome) {
      let from = 0;
      for (const { call, at } of parts) {
        at.forEach((index, i) => {
          call.answers[index] = outcome.answers[from + i]!;
        });
        from += at.length;
        call.missing -= at.length;
        if (call.missing === 0) call.settle();
      }
      return;
    }
    const code = outcome.error instanceof VarveError ? outcome.error.code : '';
    if (outcome.refused && RECORD_FAULTS.includes(code)) {
      const smaller = parts.length > 1 ? parts : code === 'MESSAGE_TOO_LARGE' ? halves(parts[0]!) : [];
      for (const part of smaller) await send(lane, [part]);
      if (smaller.length > 0) return;
    }
    for (const { call } of parts) call.settle(outcome.error);
  }

  async function attempt(lane: Lane, parts: readonly Part[]): Promise<Outcome> {
    const records = parts.flatMap((part) => part.records);
    const { compression } = parts[0]!.call;
    const deadline = Math.max(...parts.map(({ call }) => call.deadline));
    let refused = true;
    for (let pause = RETRY_FIRST_MS; ; pause = Math.min(pause * 2, RETRY_LAST_MS)) {
      if (lane.epoch > MAX_EPOCH) return { error: usedUp(), refused };
      try {
        const answers = await log.append(lane.topic, records, {
          producer: { id, epoch: lane.epoch, sequence: lane.sequence },
          timeout: Math.max(1, deadline - clock.monotonic()),
          ...(compression && { compression }),
        });
        lane.sequence = (lane.sequence + records.length) % SEQUENCES;
        return { answers };
      } catch (error) {
        const code = error instanceof VarveError ? error.code : '';
        if (code === 'UNKNOWN_PRODUCER_ID' && lane.sequence !== 0) {
          // The partition is a new one under the old name, or has forgotten us: no batch of ours is there or can still land.
          lane.sequence = 0;
          refused = true;
          continue;
        }
        refused &&= REFUSALS.includes(code);
        const again = error instanceof VarveError && error.retriable && code !== 'LOG_CLOSED';
        if (again && clock.monotonic() + pause < deadline) {
          await sleep(clock, pause);
          // A busy machine wakes late: what begins after its time would land when nobody expects it any more.
          if (clock.monotonic() < deadline) continue;
        }
        if (!refused) {
          lane.epoch = nextEpoch();
          lane.sequence = 0;
        }
        return { error, refused };
      }
    }
  }

  return {
    id,
    get epoch() {
      return epoch;
    },
    append(topic, records, options = {}) {
      const { timeout = DEFAULT_TIMEOUT_MS, signal, compression } = options;
      if (signal?.aborted) return Promise.reject(signal.reason);
      const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0);
      if (waitingBytes > 0 && waitingBytes + bytes > MAX_WAITING_BYTES) return Promise.reject(tooMany());
      if (records.length === 0) return Promise.resolve([]);
      waitingBytes += bytes;
      return new Promise((resolve, reject) => {
        const call: Call = {
          answers: new Array<AppendedRecord>(records.length),
          missing: records.length,
          deadline: clock.monotonic() + timeout,
          compression,
          open: true,
          settle(error) {
            if (!call.open) return;
            call.open = false;
            waitingBytes -= bytes;
            cancel();
            signal?.removeEventListener('abort', giveUp);
            if (error === undefined) resolve(call.answers);
            else reject(error);
          },
        };
        const cancel = clock.schedule(timeout, () => call.settle(timedOut(timeout)));
        const giveUp = () => call.settle(signal!.reason);
        signal?.addEventListener('abort', giveUp, { once: true });
        // In the order of the calls, though a partition count may have to be looked up.
        routing = routing
          .then(async () => {
            if (call.open) enqueue(topic, await route(topic, records), call);
          })
          .catch((error) => call.settle(error));
      });
    },
  };
}

/** From the front of the queue, what can travel together. */
function takeBatch(queue: Part[]): Part[] {
  const { compression } = queue[0]!.call;
  let bytes = 0;
  let records = 0;
  let taken = 0;
  for (const part of queue) {
    bytes += part.bytes;
    records += part.records.length;
    const fits = bytes <= BATCH_BYTES && records <= BATCH_RECORDS && part.call.compression === compression;
    if (taken > 0 && !fits) break;
    taken++;
  }
  return queue.splice(0, taken);
}

function halves(part: Part): Part[] {
  const middle = part.records.length >> 1;
  if (middle === 0) return [];
  const cut = (from: number, to?: number): Part => ({
    ...part,
    records: part.records.slice(from, to),
    at: part.at.slice(from, to),
  });
  return [cut(0, middle), cut(middle)];
}

function isAbsent(key: Bytes | null | undefined): key is null | undefined {
  return key === null || key === undefined;
}

function bytesOf(value: Bytes): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

function sizeOf({ key, value, headers = [] }: AppendRecord): number {
  const inHeaders = headers.reduce((sum, header) => sum + header.key.length + (header.value?.length ?? 0), 0);
  return RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0) + inHeaders;
}

function timedOut(timeout: number): VarveError {
  return new VarveError(
    'REQUEST_TIMED_OUT',
    `Not answered within ${timeout} ms. The records may have been appended, once: look before you send them again.`,
  );
}

function tooMany(): VarveError {
  return new VarveError(
    'THROTTLING_QUOTA_EXCEEDED',
    `More than ${MAX_WAITING_BYTES} bytes wait to be appended: await earlier calls first.`,
  );
}

function usedUp(): VarveError {
  return new VarveError('INVALID_PRODUCER_EPOCH', 'This producer has used up its epochs: make a new one.');
}
