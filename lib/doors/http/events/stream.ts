import type { ReadRecord } from '../../../log/event-log.ts';
import { bytesInJson, recordTooLarge } from '../answers.ts';
import type { Door } from '../door.ts';
import { answerTo } from '../errors.ts';
import { recordJson } from '../record-json.ts';
import { formatPositions, type Positions } from './positions.ts';

export interface StreamOptions {
  /** Of one partition. */
  single: boolean;
  /** Ends the stream. */
  signal: AbortSignal;
  /** Called once, however it ends: by the signal, the client, an error or time. */
  onEnd(): void;
}

/** Characters of events that go out together. */
const CHUNK = 64 * 1024;
/** Bytes of batches that are read ahead, a partition. */
const READ_AHEAD = 256 * 1024;
/** Bytes that are kept for what is no record. */
const FRAME = 16 * 1024;
/** Milliseconds that a browser waits before it comes back. */
const RETRY = 1_000;

/**
 * Follows from `positions` on, one event a record. Nothing is read ahead of the client but what `log.read` holds: a chunk is made
 * when the last one was taken. The first id goes out before any record, so that who is cut off early comes back to the same place.
 */
export function eventStream(
  door: Door,
  topic: string,
  positions: Positions,
  { single, signal, onEnd }: StreamOptions,
): ReadableStream<Uint8Array> {
  const { log, clock, limits } = door;
  const stop = new AbortController();
  const records = log
    .read(topic, {
      ...(single && { partition: [...positions.keys()][0]! }),
      positions: Object.fromEntries([...positions].map(([partition, seen]) => [partition, seen + 1])),
      maxBytes: READ_AHEAD,
      signal: stop.signal,
    })
    [Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<ReadRecord>> | undefined;
  let room = limits.maxAnswerBytes - FRAME;
  /** Whether a record went out; whether the next one finds no room. */
  let begun = false;
  let full = false;
  let ended = false;
  let cancelled = false;

  function end(): void {
    if (ended) return;
    ended = true;
    cancelLimit();
    signal.removeEventListener('abort', end);
    stop.abort();
    onEnd();
  }
  const cancelLimit = limits.maxStream === Number.POSITIVE_INFINITY ? () => {} : clock.schedule(limits.maxStream, end);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();

  function event(record: ReadRecord): string {
    positions.set(record.partition, record.offset);
    // A line break would end the field; JSON has them only between tokens, where any number of lines will do.
    const data = recordJson(record.partition, record).replaceAll(/\r\n|\r|\n/g, '\ndata: ');
    return `id: ${formatPositions(positions, single)}\ndata: ${data}\n\n`;
  }

  function ask(): Promise<IteratorResult<ReadRecord>> {
    const asked = records.next();
    // It may fail while the client takes what there was; the next pull says so.
    asked.catch(() => {});
    return asked;
  }

  /** All that is there without waiting, up to a chunk; a comment when nothing comes for a while. */
  async function chunk(): Promise<string | undefined> {
    next ??= ask();
    const quiet = delay(limits.heartbeat);
    let result = await Promise.race([next, quiet.passed]);
    quiet.cancel();
    if (result === undefined) return ': alive\n\n';
    let text = '';
    const turn = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)));
    while (result && !result.done) {
      const one = event(result.value);
      if (limits.maxAnswerBytes !== Number.POSITIVE_INFINITY) room -= bytesInJson(one);
      if (room < 0) {
        if (!begun) throw recordTooLarge();
        // Whoever comes back begins with this record.
        full = true;
        break;
      }
      begun = true;
      text += one;
      next = ask();
      if (text.length >= CHUNK) return text;
      result = await Promise.race([next, turn]);
    }
    return text === '' ? undefined : text;
  }

  function delay(ms: number) {
    let cancel = () => {};
    const passed = new Promise<undefined>((resolve) => {
      cancel = clock.schedule(ms, () => resolve(undefined));
    });
    return { passed, cancel };
  }

  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(`retry: ${RETRY}\nid: ${formatPositions(positions, single)}\n\n`));
    },
    async pull(controller) {
      try {
        const text = ended || full ? undefined : await chunk();
        if (text !== undefined && !ended) return controller.enqueue(encoder.encode(text));
      } catch (error) {
        if (!ended) {
          const { body, foreseen } = answerTo(error, 'json');
          if (!foreseen) door.logger.error({ err: error }, 'an event stream failed');
          controller.enqueue(encoder.encode(`event: failure\ndata: ${JSON.stringify(body)}\n\n`));
        }
      }
      end();
      if (!cancelled) controller.close();
      // Frees what the read holds; it has ended, so this does not wait.
      await records.return?.();
    },
    async cancel() {
      cancelled = true;
      end();
      await records.return?.();
    },
  });
}
