import type { Clock } from '../clock.ts';
import { follow } from './events.ts';
import { merge } from './merge.ts';
import type { From, Partitions } from './partitions.ts';
import type { ReadRecord } from './records.ts';
import { path, patience, type Requests } from './requests.ts';
import type { Topics } from './topics.ts';

export interface ReadOptions {
  /** Absent: all partitions, each in its order, interleaved as they arrive. */
  partition?: number;
  /** Default `earliest`. */
  from?: From;
  /** Overrides `from` for the partitions that it names. */
  positions?: Readonly<Record<number, number>>;
  /** False: ends at the high watermark of the moment of the call. Default true: waits for more until the signal aborts, then ends. */
  follow?: boolean;
  signal?: AbortSignal;
}

export interface ReaderDeps {
  requests: Requests;
  topics: Topics;
  partitions: Partitions;
  clock: Clock;
  parse(text: string): unknown;
  /** Milliseconds that a read goes on trying without an answer. */
  patience: number;
  signal: AbortSignal | undefined;
}

/** Partitions that are read at the same time: so many answers are held. */
const AT_ONCE = 8;
/** The door follows at most so many partitions in one stream. */
const MAX_IN_STREAM = 256;
const PAGE = { limit: 10_000, maxBytes: 1024 * 1024 };

/** From where, up to where. */
interface Span {
  partition: number;
  next: number;
  end: number;
}

/** Records as many together as arrived together, never none. Failures that may pass are repeated from where they were. */
export async function* readBatches(
  deps: ReaderDeps,
  topic: string,
  options: ReadOptions,
): AsyncGenerator<ReadRecord[]> {
  const { requests, clock, parse } = deps;
  const stop = new AbortController();
  const given = [deps.signal, options.signal].filter((one) => one !== undefined);
  const signal = AbortSignal.any([stop.signal, ...given]);
  try {
    const count = (await deps.topics.describe(topic)).partitions;
    const spans = await locate(deps, topic, count, options, signal);
    yield* merge(
      spans.map((span) => () => upToEnd(deps, topic, span, signal)),
      AT_ONCE,
    );
    if (options.follow === false) return;

    const stream = (address: string, lastId: () => string) => () =>
      follow({ requests, clock, parse, path: address, lastId, patience: deps.patience, signal });
    const single = (span: Span) =>
      stream(path`/api/topics/${topic}/partitions/${span.partition}/events`, () => String(span.next - 1));
    const together = () => spans.map(({ partition, next }) => `${partition}:${next - 1}`).join(',');
    const streams =
      options.partition === undefined && count <= MAX_IN_STREAM
        ? [stream(path`/api/topics/${topic}/events`, together)]
        : spans.map(single);
    for await (const records of merge(streams, streams.length)) {
      advance(spans, records);
      yield records;
    }
  } catch (error) {
    if (!given.some(({ aborted }) => aborted)) throw error;
  } finally {
    stop.abort();
  }
}

/** Notes what was read; a partition that was added since is one more. */
function advance(spans: Span[], records: readonly ReadRecord[]): void {
  const last = new Map(records.map(({ partition, offset }) => [partition, offset + 1]));
  for (const [partition, next] of last) {
    const span = spans.find((one) => one.partition === partition);
    if (span) span.next = next;
    else spans.push({ partition, next, end: next });
  }
}

async function locate(
  { partitions }: ReaderDeps,
  topic: string,
  count: number,
  { partition, from = 'earliest', positions = {} }: ReadOptions,
  signal: AbortSignal,
): Promise<Span[]> {
  const wanted = partition === undefined ? Array.from({ length: count }, (_, id) => id) : [partition];
  const found: Span[] = [];
  const find = async function* (id: number) {
    const { offset, latest } = await partitions.locate(topic, id, positions[id] ?? from, { signal });
    yield { partition: id, next: offset, end: latest };
  };
  for await (const span of merge(
    wanted.map((id) => () => find(id)),
    AT_ONCE,
  ))
    found.push(span);
  return found.sort((a, b) => a.partition - b.partition);
}

async function* upToEnd(
  deps: ReaderDeps,
  topic: string,
  span: Span,
  signal: AbortSignal,
): AsyncGenerator<ReadRecord[]> {
  const trying = patience(deps.clock, deps.patience, signal);
  while (span.next < span.end) {
    try {
      const { records, next } = await deps.partitions.poll(topic, span.partition, span.next, { ...PAGE, signal });
      trying.reset();
      span.next = next;
      const last = records.at(-1);
      if (last === undefined) continue;
      // What was appended after the call belongs to whoever follows.
      const wanted = last.offset < span.end ? records : records.filter(({ offset }) => offset < span.end);
      if (wanted.length > 0) yield wanted;
    } catch (error) {
      await trying.failed(error);
    }
  }
  span.next = span.end;
}
