import type { Context } from 'hono';
import type { Polled } from '../../log/event-log.ts';
import type { Door } from './door.ts';

/** One read that may wait: until there is something, time is up, the client goes or the process stops. */
export async function readOnce(
  c: Context,
  door: Door,
  topic: string,
  partition: number,
  offset: number,
  options: { wait: number; maxBytes: number; maxRecords?: number },
): Promise<Polled> {
  // Not held while it waits, but begun only when there is room.
  (await door.budget.take(0))();
  const { signal, unlink } = linked([c.req.raw.signal, door.stopping]);
  try {
    return await door.log.poll(topic, partition, offset, { ...options, signal });
  } finally {
    unlink();
  }
}

/** A signal that aborts with the first of several, and leaves nothing behind on those that live on. */
export function linked(signals: readonly AbortSignal[]): { signal: AbortSignal; abort(): void; unlink(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const one of signals) {
    if (one.aborted) abort();
    one.addEventListener('abort', abort, { once: true });
  }
  return {
    signal: controller.signal,
    abort,
    unlink() {
      for (const one of signals) one.removeEventListener('abort', abort);
    },
  };
}
