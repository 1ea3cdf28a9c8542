import type { Clock } from '../clock.ts';
import type { Follow } from './following.ts';
import { merge } from './merge.ts';
import { type From, PAGE, type Partitions } from './partitions.ts';
import type { ReadRecord } from './records.ts';
import { patience } from './requests.ts';
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
  topics: Topics;
  partitions: Partitions;
  follow: Follow;
  clock: Clock;
  /** Milliseconds that a read goes on trying without an answer. */
  patience: number;
  signal: AbortSignal | undefined;
}

/** Partitions that are read at the same time: so many answers are held. */
const AT_ONCE = 8;

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
    yield* deps.follow(topic, spans, { whole: options.partition === undefined, signal });
  } catch (error) {
    if (!given.some(({ aborted }) => aborted)) throw error;
  } finally {
    stop.abort();
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
