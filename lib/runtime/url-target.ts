import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import type { Invocation, Target } from '../log/delivery/ports.ts';

/** What an answer has on top of the function's own time: for an environment that has to be started first. */
const START_MS = 10_000;
/** Lambda's own limit of an answer. */
const MAX_ANSWER_BYTES = 6_291_556;

/**
 * Invokes a URL: posts the event as JSON. A 2xx is success, and its body, where that is JSON, the function's answer. Any other status,
 * a connection that breaks, and no answer within the function's time are failures. Where nobody listens it was not invoked. What is
 * under way when the signal aborts is `unknown`: it may still run. `start`: milliseconds.
 */
export function urlTarget(signal: AbortSignal, start = START_MS): Target {
  return async ({ target, targetTimeout }, event) => {
    const url = URL.parse(target);
    const isOne = url?.protocol === 'http:' || url?.protocol === 'https:';
    if (!isOne || signal.aborted) return { status: 'unavailable' };
    return post(url, JSON.stringify(event), targetTimeout + start, signal);
  };
}

function post(url: URL, body: string, timeout: number, signal: AbortSignal): Promise<Invocation> {
  return new Promise((resolve) => {
    let sent = false;
    const isSecure = url.protocol === 'https:';
    // A connection of its own: one that was kept may be closed by the other side just when it is used again, and nobody knows what ran.
    const request = (isSecure ? overHttps : overHttp)(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    const end = (invocation: Invocation) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      resolve(invocation);
      request.destroy();
    };
    const failed = () => end({ status: sent ? 'failed' : 'unavailable' });
    const abort = () => end({ status: sent ? 'unknown' : 'unavailable' });
    const timer = setTimeout(failed, timeout);
    signal.addEventListener('abort', abort);

    request.on('socket', (socket) =>
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        sent = true;
      }),
    );
    // It stays: what is destroyed may still say so.
    request.on('error', failed);
    request.on('response', (response) => {
      const { statusCode = 0 } = response;
      if (statusCode < 200 || statusCode > 299) return failed();
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) return failed();
        chunks.push(chunk);
      });
      response.on('error', failed);
      response.on('end', () => end({ status: 'returned', answer: answerIn(Buffer.concat(chunks)) }));
    });
    request.end(body);
  });
}

function answerIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    // It succeeded, and said nothing.
    return undefined;
  }
}
