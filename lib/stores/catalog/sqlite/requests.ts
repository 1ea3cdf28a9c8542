import type { Clock } from '../../../clock.ts';
import { VarveError } from '../../../errors.ts';
import { type Answer, type Core, EFFECTS, type Request } from './engine.ts';

/** Requests that came together: the reads are answered first, the writes are committed as one. */
export interface Batch {
  now: number;
  reads: Request[];
  writes: Request[];
}

export type Answered = { reads: Answer[] } | { writes: Answer[] };

/** Where the engine runs. One batch at a time. */
export interface Transport {
  readonly clusterId: string;
  /** Resolves when all of the batch is answered; rejects when the engine is lost. */
  send(batch: Batch, onAnswers: (answers: Answered) => void): Promise<void>;
  close(): Promise<void>;
}

export interface CallOptions {
  /** What the arguments carry. */
  bytes?: number;
  /**
   * Rejects the call with the signal's reason. One that still waits is never made then; one that was sent is over before any
   * call that is made later.
   */
  signal?: AbortSignal | undefined;
}

export interface Requests {
  /** Errors: the engine's, KAFKA_STORAGE_ERROR when too much waits, LOG_CLOSED. */
  call<Port extends keyof Core, Method extends keyof Core[Port] & string>(
    port: Port,
    method: Method,
    args: Arguments<Core[Port][Method]>,
    options?: CallOptions,
  ): Promise<Result<Core[Port][Method]>>;
  /** Takes no more calls, waits for those that were taken, closes the engine. */
  close(): Promise<void>;
}

export type Arguments<Method> = Method extends (...args: infer Args) => unknown ? Args : never;
export type Result<Method> = Method extends (...args: never) => infer Value ? Value : never;

const MAX_WAITING = 20_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** A transaction's size: bounds how long its callers wait for each other, and the log file. */
const BATCH_REQUESTS = 1_000;
const BATCH_BYTES = 4 * 1024 * 1024;

interface Waiting {
  request: Request;
  bytes: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Collects what is asked while a batch is under way into the next one. */
export function createRequests(transport: Transport, clock: Clock): Requests {
  let waiting: Waiting[] = [];
  let outstanding = 0;
  let outstandingBytes = 0;
  let closing: Promise<void> | undefined;
  let sending: Promise<void> | undefined;

  function enqueue(request: Request, { bytes = 0, signal }: CallOptions): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (closing) return Promise.reject(new VarveError('LOG_CLOSED', 'The catalog is closed: open the log again.'));
    if (outstanding >= MAX_WAITING || outstandingBytes + bytes > MAX_WAITING_BYTES) {
      const message = 'Too many requests wait for the catalog: slow down and try again.';
      return Promise.reject(new VarveError('KAFKA_STORAGE_ERROR', message));
    }
    outstanding += 1;
    outstandingBytes += bytes;
    return new Promise<unknown>((resolve, reject) => {
      const one: Waiting = { request, bytes, resolve, reject };
      waiting.push(one);
      sending ??= Promise.resolve().then(sendAll);
      if (signal) rejectOnAbort(one, signal);
    });
  }

  function rejectOnAbort(one: Waiting, signal: AbortSignal): void {
    const { resolve, reject } = one;
    const abort = () => {
      const at = waiting.indexOf(one);
      if (at >= 0) {
        waiting.splice(at, 1);
        release(one);
      }
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    one.resolve = (value) => {
      signal.removeEventListener('abort', abort);
      resolve(value);
    };
    one.reject = (error) => {
      signal.removeEventListener('abort', abort);
      reject(error);
    };
  }

  function release({ bytes }: Waiting): void {
    outstanding -= 1;
    outstandingBytes -= bytes;
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) await sendBatch(takeBatch());
    sending = undefined;
  }

  function takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < waiting.length && count < BATCH_REQUESTS && bytes < BATCH_BYTES) bytes += waiting[count++]!.bytes;
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return taken;
  }

  async function sendBatch(taken: readonly Waiting[]): Promise<void> {
    const isRead = ({ request }: Waiting) =>
      (EFFECTS[request.port] as Record<string, 'read' | 'write'>)[request.method] === 'read';
    const reads = taken.filter(isRead);
    const writes = taken.filter((one) => !isRead(one));
    const unanswered = new Set(taken);
    const settle = (one: Waiting, answer: Answer) => {
      unanswered.delete(one);
      release(one);
      if ('value' in answer) one.resolve(answer.value);
      else one.reject(new VarveError(answer.error.code, answer.error.message));
    };
    try {
      const batch = { now: clock.now(), reads: reads.map(requestOf), writes: writes.map(requestOf) };
      await transport.send(batch, (answers) => {
        const [asked, given] = 'reads' in answers ? [reads, answers.reads] : [writes, answers.writes];
        for (const [i, one] of asked.entries()) settle(one, given[i]!);
      });
    } catch (error) {
      const message = `The catalog stopped: ${error instanceof Error ? error.message : error}. Open the log again.`;
      for (const one of unanswered) settle(one, { error: { code: 'KAFKA_STORAGE_ERROR', message } });
    }
  }

  return {
    call: (port, method, args, options = {}) => enqueue({ port, method, args }, options) as never,

    close() {
      closing ??= Promise.resolve(sending).then(() => transport.close());
      return closing;
    },
  };
}

const requestOf = ({ request }: Waiting) => request;
