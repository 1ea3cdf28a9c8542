import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { VarveError } from '../../errors.ts';
import type { Api, Call, Endpoint, Gateway } from './api.ts';
import { served } from './apis/api-versions.ts';
import { numberOf } from './failures.ts';
import { createFrameCutter } from './frames.ts';
import { type Request, readRequest, writeResponse } from './requests.ts';

export interface ConnectionLimits {
  /** The largest request, bytes. */
  maxFrame: number;
  /** Milliseconds without a request after which a connection is closed. */
  idle: number;
  /** Milliseconds that a client may take nothing of an answer, or send nothing of a request that it has begun. */
  stalled: number;
  /** Requests that one connection may have unanswered before no more are read. */
  unanswered: number;
  /** Bytes of requests that all connections may have in memory before no more are read. */
  requestBytes: number;
}

export interface ConnectionDeps {
  gateway: Gateway;
  apis: ReadonlyMap<number, Api>;
  endpoint: Endpoint;
  limits: ConnectionLimits;
  logger: Logger;
  /** Bytes of requests in memory, of all connections. */
  memory: RequestMemory;
}

/** Requests that are held, by all connections together. */
export interface RequestMemory {
  /** Bytes, those of requests that have not come whole among them. */
  held: number;
  /** Requests that wait for their answers: these give their bytes back. */
  unanswered: number;
  /** Connections that are not read until there is room. */
  readonly waiting: Set<() => void>;
}

export interface Connection {
  /** Reads no more, answers what is in flight, then ends; cut off after `patience` milliseconds. */
  close(patience: number): Promise<void>;
}

/**
 * Serves one client. Answers leave in the order of the requests. As in Kafka a request waits until those before it are
 * answered; only what is `pipelined` begins at once. Nothing is read from a client that does not take its answers.
 */
export function serveConnection(socket: Socket, deps: ConnectionDeps): Connection {
  const { gateway, limits, logger, memory } = deps;
  const { clock } = gateway;
  const cutter = createFrameCutter(limits.maxFrame);
  const gone = new AbortController();
  const stopping = new AbortController();
  const signal = AbortSignal.any([gone.signal, stopping.signal]);
  const clientHost = `/${socket.remoteAddress ?? ''}`;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  /** When all requests so far are answered, and when all that must not be overtaken are. */
  let tail: Promise<void> = Promise.resolve();
  let barrier: Promise<void> = tail;
  let unanswered = 0;
  let lastRequest = clock.monotonic();
  let waitsForDrain = false;

  socket.setNoDelay(true);
  socket.setKeepAlive(true);

  function fail(error: unknown): void {
    if (socket.destroyed) return;
    if (error instanceof VarveError) logger.debug({ clientHost, code: error.code, reason: error.message }, 'closing');
    else logger.error({ err: error, clientHost }, 'a Kafka request failed');
    socket.destroy();
  }

  function resume(): void {
    memory.waiting.delete(resume);
    const crowded = memory.held >= limits.requestBytes;
    if (crowded) memory.waiting.add(resume);
    else if (unanswered < limits.unanswered && !stopping.signal.aborted) socket.resume();
  }

  function release(bytes: number): void {
    unanswered--;
    memory.unanswered--;
    memory.held -= bytes;
    if (socket.isPaused()) resume();
    for (const next of memory.waiting) {
      if (memory.held >= limits.requestBytes) break;
      next();
    }
  }

  function start(frame: Buffer): void {
    const request = readRequest(frame, deps.apis);
    unanswered++;
    memory.unanswered++;
    memory.held += frame.length;
    lastRequest = clock.monotonic();
    const sent: (() => void)[] = [];
    const call: Call = {
      gateway,
      version: request.version,
      clientId: request.clientId,
      clientHost,
      endpoint: deps.endpoint,
      signal,
      onSent: (run) => sent.push(run),
    };
    const before = tail;
    const handled = (request.api.pipelined ? barrier : before).then(() => handle(request, call));
    // Whoever looks at it later meets the failure.
    handled.catch(() => {});
    tail = before
      .then(() => handled)
      .then((answer) => (answer === undefined ? undefined : send(writeResponse(request, answer))))
      .catch(fail)
      .finally(() => {
        release(frame.length);
        for (const run of sent) run();
      });
    if (!request.api.pipelined) barrier = tail;
  }

  async function handle(request: Request, call: Call): Promise<unknown> {
    if (gone.signal.aborted) return undefined;
    return request.unsupported ? served(call, numberOf('UNSUPPORTED_VERSION')) : request.api.handle(request.body, call);
  }

  /** Resolves when the client has taken most of it. */
  async function send(parts: readonly Uint8Array[]): Promise<void> {
    if (socket.destroyed) return;
    socket.cork();
    let flows = true;
    for (const part of parts) flows = socket.write(part);
    socket.uncork();
    if (flows) return;
    waitsForDrain = true;
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.once('drain', done);
      socket.once('close', done);
    });
    waitsForDrain = false;
  }

  socket.on('data', (chunk: Buffer) => {
    if (stopping.signal.aborted) return;
    const before = cutter.held;
    try {
      for (const frame of cutter.push(chunk)) start(frame);
    } catch (error) {
      fail(error);
      return;
    } finally {
      memory.held += cutter.held - before;
    }
    if (memory.held >= limits.requestBytes && memory.unanswered === 0) {
      // Nobody's answer will make room: all of it is requests that have not come whole.
      fail(
        new VarveError('THROTTLING_QUOTA_EXCEEDED', 'Too many large requests come in at once; send it again later.'),
      );
      return;
    }
    if (unanswered >= limits.unanswered || memory.held >= limits.requestBytes) {
      socket.pause();
      if (unanswered < limits.unanswered) resume();
    }
  });
  // No activity at all for so long: whether that is too long depends on what is under way.
  const watch = () => {
    const stalled = waitsForDrain || cutter.held > 0;
    const idle = unanswered === 0 && clock.monotonic() - lastRequest >= limits.idle;
    if (stalled || idle) socket.destroy();
    else socket.setTimeout(Math.min(limits.stalled, limits.idle));
  };
  socket.setTimeout(Math.min(limits.stalled, limits.idle));
  socket.on('timeout', watch);
  socket.on('error', (error) => logger.debug({ clientHost, reason: error.message }, 'connection error'));
  socket.once('close', () => {
    gone.abort();
    memory.waiting.delete(resume);
    memory.held -= cutter.held;
    cutter.clear();
  });

  return {
    async close(patience) {
      stopping.abort();
      const cut = clock.schedule(patience, () => socket.destroy());
      await Promise.race([tail, closed]);
      socket.end();
      // A client that does not close its half is not waited for.
      socket.destroySoon();
      await closed;
      cut();
    },
  };
}
