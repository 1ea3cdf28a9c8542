import { type Clock, sleep } from '../clock.ts';
import { ERRORS, type ErrorCode, VarveError } from '../errors.ts';
import type { Authorize } from './auth.ts';
import { refusalOf } from './refusals.ts';

export interface RequestOptions {
  query?: Readonly<Record<string, string | number | undefined>>;
  /** JSON text. */
  body?: string;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
  /** Milliseconds until REQUEST_TIMED_OUT. */
  timeout?: number | undefined;
}

/** Calls of the HTTP door. Every failure is a VarveError, except that an aborted signal rejects with its reason. */
export interface Requests {
  /** The JSON answer; undefined when there is none (204). */
  json<T>(method: string, path: string, options?: RequestOptions): Promise<T>;
  /** The body as it arrives. `timeout` ends at the head of the answer. */
  stream(path: string, options?: RequestOptions): Promise<ReadableStream<Uint8Array>>;
}

export interface RequestsOptions {
  url: string;
  fetch: typeof globalThis.fetch;
  headers: Readonly<Record<string, string>>;
  authorize: Authorize;
  signal: AbortSignal | undefined;
  timeout: number;
  /** How answers are read. */
  parse(text: string): unknown;
  clock: Clock;
}

export function requests(options: RequestsOptions): Requests {
  const { url, fetch, headers, authorize, signal, timeout, parse, clock } = options;
  const base = url.replace(/\/+$/, '');

  async function send<T>(
    method: string,
    path: string,
    options: RequestOptions,
    use: (response: Response) => T | Promise<T>,
  ): Promise<T> {
    const limit = options.timeout ?? timeout;
    const late = new AbortController();
    const cancel = clock.schedule(limit, () => late.abort());
    const callers = [signal, options.signal].filter((one) => one !== undefined);
    try {
      const body = options.body === undefined ? {} : { body: options.body };
      const request = {
        method,
        url: new URL(`${base}${path}${queryOf(options.query)}`),
        headers: {
          ...headers,
          ...(options.body !== undefined && { 'content-type': 'application/json' }),
          ...options.headers,
        },
        ...body,
      };
      const response = await fetch(request.url, {
        method,
        headers: { ...request.headers, ...(await authorize(request)) },
        signal: AbortSignal.any([late.signal, ...callers]),
        ...body,
      });
      if (!response.ok) throw await errorOf(response);
      return await use(response);
    } catch (error) {
      for (const caller of callers) caller.throwIfAborted();
      if (error instanceof VarveError) throw error;
      if (late.signal.aborted) {
        throw new VarveError('REQUEST_TIMED_OUT', `No answer from ${base} within ${limit} ms: try again.`, {
          cause: error,
        });
      }
      throw new VarveError('NETWORK_EXCEPTION', `Cannot reach ${base} (${reasonOf(error)}): is the server running?`, {
        cause: error,
      });
    } finally {
      cancel();
    }
  }

  function answerOf({ url }: Response, text: string): unknown {
    try {
      return parse(text);
    } catch {
      throw new VarveError('UNKNOWN_SERVER_ERROR', `${url} did not answer JSON: is this a Varve server's address?`);
    }
  }

  return {
    json: <T>(method: string, path: string, options: RequestOptions = {}) =>
      send(method, path, options, async (response) =>
        response.status === 204 ? (undefined as T) : (answerOf(response, await response.text()) as T),
      ),
    stream: (path, options = {}) =>
      send('GET', path, options, (response) => {
        if (response.body === null) throw new VarveError('NETWORK_EXCEPTION', `${base} answered without a body.`);
        return response.body;
      }),
  };
}

/** Makes a path of a template, with every value in it as one segment. */
export function path(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return String.raw(
    { raw: parts },
    ...values.map((value) => {
      const segment = String(value);
      if (segment === '' || segment === '.' || segment === '..') {
        throw new VarveError('INVALID_REQUEST', `The name "${segment}" cannot be part of an address: choose another.`);
      }
      return encode(segment);
    }),
  );
}

function queryOf(query: RequestOptions['query'] = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encode(name)}=${encode(String(value))}`],
  );
  return given.length === 0 ? '' : `?${given.join('&')}`;
}

/** By RFC 3986 to the letter, so that nobody on the way writes it otherwise than it was signed: encodeURIComponent leaves five more. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Why fetch failed; in Node the reason is one cause down, or in the first of several attempts. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}

/** What the door's JSON errors hold, as whole answers and in place of single records. */
export interface ErrorAnswer {
  error_code: number;
  code?: string;
  message?: string;
}

/** The error of a refusal. A code that this version does not know is UNKNOWN_SERVER_ERROR and keeps its name in the message. */
export function errorFrom({ code, message = 'The server gave no reason.' }: ErrorAnswer): VarveError {
  if (code !== undefined && Object.hasOwn(ERRORS, code)) return new VarveError(code as ErrorCode, message);
  return new VarveError('UNKNOWN_SERVER_ERROR', code === undefined ? message : `${code}: ${message}`);
}

async function errorOf(response: Response): Promise<VarveError> {
  const answer = jsonOf(await response.text());
  if (isErrorAnswer(answer)) return errorFrom(answer);
  const refusal = refusalOf(response, answer);
  if (refusal) return refusal;
  const between = response.status === 502 || response.status === 503 || response.status === 504;
  return new VarveError(
    between ? 'NETWORK_EXCEPTION' : 'UNKNOWN_SERVER_ERROR',
    `${response.url} answered ${response.status}, not as Varve would: is this a Varve server's address?`,
  );
}

function isErrorAnswer(answer: unknown): answer is ErrorAnswer {
  return typeof answer === 'object' && answer !== null && 'error_code' in answer;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Failures in a row that are worth repeating, with pauses of 0.1 s doubling to 5 s, for as long as `patience` ms. */
export function patience(clock: Clock, limit: number, signal?: AbortSignal) {
  let failing: number | undefined;
  let pause = 100;
  return {
    /** The last attempt succeeded. */
    reset() {
      failing = undefined;
      pause = 100;
    },
    /** Waits until the next attempt; throws `error` when it is final or has lasted too long. */
    async failed(error: unknown): Promise<void> {
      if (!(error instanceof VarveError) || !error.retriable) throw error;
      failing ??= clock.monotonic();
      if (clock.monotonic() + pause - failing > limit) throw error;
      await sleep(clock, pause, signal);
      pause = Math.min(pause * 2, 5_000);
    },
  };
}
