import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { VarveError } from '../../errors.ts';
import type { Endpoint } from '../../log/broker-config.ts';
import type { Api, Call, Gateway } from './api.ts';
import { served } from './apis/api-versions.ts';
import { numberOf } from './failures.ts';
import { createFrameCutter } from './frames.ts';
import type { RequestMemory } from './request-memory.ts';
import { type Request, readRequest, writeResponse } from './requests.ts';

export interface ConnectionLimits {
  /** The largest request, bytes. */
  maxFrame: number;
  /** Milliseconds without a request after which a connection is closed. */
  idle: number;
  /**
   * Milliseconds in which a client must take 256 KiB of an answer, and send 64 KiB of a request that it has begun, or the rest
   * of it; it may get up to twice as many.
   */
  stalled: number;
  /** Requests that one connection may have unanswered before no more are read. */
  unanswered: number;
}

export interface ConnectionDeps {
  gateway: Gateway;
  apis: ReadonlyMap<number, Api>;
  endpoint: Endpoint;
  limits: ConnectionLimits;
  logger: Logger;
  memory: RequestMemory;
  /** Runs what answers a crowded request when no other one is being answered, of all connections. */
  crowds: <T>(answer: () => Promise<T>) => Promise<T>;
}

export interface Connection {
  /** Reads no more, answers what is in flight, then ends; cut off after `patience` milliseconds. */
  close(patience: number): Promise<void>;
}

/** Bytes of an answer that are written before the client must have taken them. */
const PIECE = 256 * 1024;
/** Bytes of a request that must come in a while. */
const LEAST_GATHERED = 64 * 1024;
/** Milliseconds that a client has for closing its half, when the other is closed and all answers have left. */
const LINGER_MS = 500;

/**
 * Serves one client. Answers leave in the order of the requests. As in Kafka a request waits until those before it are
 * answered; only what is `pipelined` begins at once. Nothing is read from a client that does not take its answers. What cannot be
 * read, or fails for no reason that an answer could tell, ends the connection when all before it is answered.
 */
export function serveConnection(socket: Socket, deps: ConnectionDeps): Connection {
  const { gateway, limits, logger } = deps;
  const { clock } = gateway;
  const cutter = createFrameCutter(limits.maxFrame);
  const gone = new AbortController();
  const stopping = new AbortController();
  const signal = AbortSignal.any([gone.signal, stopping.signal]);
  const clientHost = `/${socket.remoteAddress ?? ''}`;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const memory = deps.memory.join({ resume, cut: () => end(CROWDED, () => socket.destroy()) });
  /** When all requests so far are answered, and when all that must not be overtaken are. */
  let tail: Promise<void> = Promise.resolve();
  let barrier: Promise<void> = tail;
  let unanswered = 0;
  let lastActive = clock.monotonic();
  /** What comes is not looked at any more. */
  let deaf = false;
  /** Nothing is answered any more. */
  let ended = false;
  /** Frames that have come, and pieces of answers that have been taken. */
  let frames = 0;
  let pieces = 0;

  socket.setNoDelay(true);
  socket.setKeepAlive(true);

  function end(error: unknown, how: () => void): void {
    deaf = true;
    ended = true;
    if (socket.destroyed) return;
    if (error instanceof VarveError) logger.debug({ clientHost, code: error.code, reason: error.message }, 'closing');
    else logger.error({ err: error, clientHost }, 'a Kafka request failed');
    how();
  }

  function fail(error: unknown): void {
    end(error, hangUp);
  }

  /**
   * Answers that have been given still leave. What comes is thrown away meanwhile: bytes that nobody reads would make the end a
   * reset, by which answers could be lost.
   */
  function hangUp(): void {
    socket.resume();
    socket.end();
    const cancel = clock.schedule(LINGER_MS, () => socket.destroySoon());
    socket.once('close', cancel);
  }

  function resume(): void {
    if (!deaf && unanswered < limits.unanswered && memory.hasRoom()) socket.resume();
  }

  function start(frame: Buffer): void {
    const request = readRequest(frame, deps.apis);
    unanswered++;
    memory.take(request.size);
    lastActive = clock.monotonic();
    const call: Call = {
      gateway,
      version: request.version,
      clientId: request.clientId,
      clientHost,
      endpoint: deps.endpoint,
      signal,
    };
    const before = tail;
    const answer = () => handle(request, call);
    const handled = (request.api.pipelined ? barrier : before).then(() =>
      request.isCrowded ? deps.crowds(answer) : answer(),
    );
    // Whoever looks at it later meets the failure.
    handled.catch(() => {});
    tail = before
      .then(() => handled)
      .then((answer) => (answer === undefined ? undefined : send(writeResponse(request, answer))))
      .catch(fail)
      .finally(() => {
        unanswered--;
        lastActive = clock.monotonic();
        memory.give(request.size);
        if (socket.isPaused()) resume();
      });
    if (!request.api.pipelined) barrier = tail;
  }

  async function handle(request: Request, call: Call): Promise<unknown> {
    if (ended || gone.signal.aborted) return undefined;
    return request.unsupported ? served(call, numberOf('UNSUPPORTED_VERSION')) : request.api.handle(request.body, call);
  }

  /** Resolves when the client has taken most of it. */
  async function send(parts: readonly Uint8Array[]): Promise<void> {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    let letGo: (() => void) | undefined;
    const flush = async () => {
      socket.uncork();
      if (!socket.writableNeedDrain) return;
      letGo ??= gateway.answers.hold(size, () => end(SLOW, () => socket.destroy()));
      await drained();
    };
    let queued = 0;
    for (const part of parts) {
      for (let at = 0; at < part.length; at += PIECE) {
        if (ended || socket.destroyed) return letGo?.();
        if (queued === 0) socket.cork();
        const piece = part.length > PIECE ? part.subarray(at, at + PIECE) : part;
        socket.write(piece);
        queued += piece.length;
        if (queued < PIECE) continue;
        await flush();
        queued = 0;
      }
    }
    if (queued > 0) await flush();
    letGo?.();
  }

  async function drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.once('drain', done);
      socket.once('close', done);
    });
    pieces++;
  }

  socket.on('data', (chunk: Buffer) => {
    if (deaf) return;
    try {
      for (const frame of cutter.push(chunk)) {
        frames++;
        start(frame);
      }
    } catch (error) {
      deaf = true;
      cutter.clear();
      tail = tail.then(() => fail(error));
    }
    memory.gather(cutter.held);
    if (unanswered >= limits.unanswered || !memory.hasRoom()) socket.pause();
  });
  let cancelWatch = watch({ deaf: false });
  /** Looks now and then whether things have moved since it looked `before`. */
  function watch(before: { frame?: number; gathered?: number; piece?: number; deaf: boolean }): () => void {
    return clock.schedule(Math.min(limits.stalled, limits.idle), () => {
      const stuck = socket.writableNeedDrain && before.piece === pieces;
      const starved = before.frame === frames && cutter.held < (before.gathered ?? 0) + LEAST_GATHERED;
      const idle = unanswered === 0 && clock.monotonic() - lastActive >= limits.idle;
      if (stuck || starved || idle || before.deaf) {
        socket.destroy();
        return;
      }
      cancelWatch = watch({
        deaf,
        ...(socket.writableNeedDrain && { piece: pieces }),
        // A client that is not read cannot send.
        ...(cutter.held > 0 && !socket.isPaused() && { frame: frames, gathered: cutter.held }),
      });
    });
  }
  socket.on('error', (error) => logger.debug({ clientHost, reason: error.message }, 'connection error'));
  socket.once('close', () => {
    gone.abort();
    cancelWatch();
    cutter.clear();
    memory.leave();
  });

  return {
    async close(patience) {
      deaf = true;
      stopping.abort();
      socket.resume();
      const cancel = clock.schedule(patience, () => socket.destroy());
      await Promise.race([tail, closed]);
      hangUp();
      await closed;
      cancel();
    },
  };
}

const CROWDED = new VarveError(
  'THROTTLING_QUOTA_EXCEEDED',
  'Too many large requests come in at once; send it again later.',
);
const SLOW = new VarveError(
  'THROTTLING_QUOTA_EXCEEDED',
  'Too many answers wait for slow clients; ask for less at once.',
);
