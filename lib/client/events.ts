import { createParser } from 'eventsource-parser';
import { type Clock, sleep } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { ReadRecord } from './records.ts';
import { type ErrorAnswer, errorFrom, patience, type Requests } from './requests.ts';

export interface FollowOptions {
  requests: Requests;
  clock: Clock;
  /** How JSON is read. */
  parse(text: string): unknown;
  /** The event stream's address. */
  path: string;
  /** The id of the last event that the reader has, as it stands at each new connection. */
  lastId(): string;
  /** Milliseconds without a connection after which the last failure is thrown. */
  patience: number;
  signal: AbortSignal | undefined;
}

/** The server says something every 15 s: after so many milliseconds of silence it is gone. */
const SILENCE = 45_000;

/**
 * The records of an event stream, as many together as arrived together. It comes back to where it was, whatever ends the stream,
 * until the signal aborts; then it ends.
 */
export async function* follow(options: FollowOptions): AsyncGenerator<ReadRecord[]> {
  const { clock, signal } = options;
  const trying = patience(clock, options.patience, signal);
  const wait = { ms: 1_000 };
  while (!signal?.aborted) {
    try {
      for await (const records of connection(options, wait)) {
        trying.reset();
        if (records.length > 0) yield records;
      }
      await sleep(clock, wait.ms, signal);
    } catch (error) {
      if (signal?.aborted) return;
      await trying.failed(error);
    }
  }
}

/** One connection, to its end. */
async function* connection(options: FollowOptions, wait: { ms: number }): AsyncGenerator<ReadRecord[]> {
  const { requests, clock, parse, path, lastId, signal } = options;
  const silent = new AbortController();
  const body = await requests.stream(path, {
    headers: { accept: 'text/event-stream', 'last-event-id': lastId() },
    signal: signal ? AbortSignal.any([signal, silent.signal]) : silent.signal,
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
