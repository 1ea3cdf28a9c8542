import { createParser } from 'eventsource-parser';
import { type Clock, sleep } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { Follow, Position } from './following.ts';
import { merge } from './merge.ts';
import type { ReadRecord } from './records.ts';
import { type ErrorAnswer, errorFrom, path, patience, type Requests } from './requests.ts';

export interface EventsDeps {
  requests: Requests;
  clock: Clock;
  /** How JSON is read. */
  parse(text: string): unknown;
  /** Milliseconds without a connection after which the last failure is thrown. */
  patience: number;
}

interface StreamOptions extends EventsDeps {
  /** The event stream's address. */
  path: string;
  /** The id of the last event that the reader has, as it stands at each new connection. */
  lastId(): string;
  signal: AbortSignal;
}

/** The door follows at most so many partitions in one stream. */
const MAX_IN_STREAM = 256;

/** The server says something every 15 s: after so many milliseconds of silence it is gone. */
const SILENCE = 45_000;

/** Follows by streams of server-sent events: one for a whole topic, else one a partition. */
export function followByEvents(deps: EventsDeps): Follow {
  return async function* follow(topic, positions, { whole, signal }) {
    const all = positions.map((position) => ({ ...position }));
    const single = (position: Position): StreamOptions => ({
      ...deps,
      path: path`/api/topics/${topic}/partitions/${position.partition}/events`,
      lastId: () => String(position.next - 1),
      signal,
    });
    const together: StreamOptions = {
      ...deps,
      path: path`/api/topics/${topic}/events`,
      lastId: () => all.map(({ partition, next }) => `${partition}:${next - 1}`).join(','),
      signal,
    };
    const streams = whole && all.length <= MAX_IN_STREAM ? [together] : all.map(single);
    const sources = streams.map((options) => () => stream(options));
    for await (const records of merge(sources, sources.length)) {
      advance(all, records);
      yield records;
    }
  };
}

/** Notes what was read; a partition that was added since is one more. */
function advance(positions: Position[], records: readonly ReadRecord[]): void {
  const last = new Map(records.map(({ partition, offset }) => [partition, offset + 1]));
  for (const [partition, next] of last) {
    const position = positions.find((one) => one.partition === partition);
    if (position) position.next = next;
    else positions.push({ partition, next });
  }
}

/** One stream. It comes back to where it was, whatever ends it, until the signal aborts. */
async function* stream(options: StreamOptions): AsyncGenerator<ReadRecord[]> {
  const { clock, signal } = options;
  const trying = patience(clock, options.patience, signal);
  const wait = { ms: 1_000 };
  while (!signal.aborted) {
    try {
      for await (const records of connection(options, wait)) {
        trying.reset();
        if (records.length > 0) yield records;
      }
      await sleep(clock, wait.ms, signal);
    } catch (error) {
      if (signal.aborted) return;
      await trying.failed(error);
    }
  }
}

/** One connection, to its end. */
async function* connection(options: StreamOptions, wait: { ms: number }): AsyncGenerator<ReadRecord[]> {
  const { requests, clock, parse, lastId, signal } = options;
  const silent = new AbortController();
  const body = await requests.stream(options.path, {
    headers: { accept: 'text/event-stream', 'last-event-id': lastId() },
    signal: AbortSignal.any([signal, silent.signal]),
  });
  let records: ReadRecord[] = [];
  let failure: VarveError | undefined;
  const parser = createParser({
    onEvent({ event, data }) {
      if (event === 'failure') failure = errorFrom(parse(data) as ErrorAnswer);
      else records.push(parse(data) as ReadRecord);
    },
    onRetry(ms) {
      wait.ms = ms;
    },
  });
  const utf8 = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const cancel = clock.schedule(SILENCE, () => silent.abort());
      const { done, value } = await reader.read().finally(cancel);
      if (done) return;
      parser.feed(utf8.decode(value, { stream: true }));
      yield records;
      records = [];
      if (failure) throw failure;
    }
  } catch (error) {
    if (error instanceof VarveError) throw error;
    throw new VarveError('NETWORK_EXCEPTION', 'The event stream broke off: is the server running?', { cause: error });
  } finally {
    await reader.cancel().catch(() => {});
  }
}
