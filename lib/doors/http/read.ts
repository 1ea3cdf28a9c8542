import type { Context } from 'hono';
import type { Polled } from '../../log/event-log.ts';
import { bindingsOf, type Door } from './door.ts';

/** One read that may wait: until there is something, time is up, or one of the `endings` comes. */
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
  const { signal, unlink } = linked(endings(c, door));
  try {
    return await door.log.poll(topic, partition, offset, { ...options, signal });
  } finally {
    unlink();
  }
}

/** Whatever ends a read that waits, or a stream: the client goes, the process stops, or the request had its time. */
export function endings(c: Context, door: Door): AbortSignal[] {
  const { enough } = bindingsOf(c);
  return [c.req.raw.signal, door.stopping, ...(enough ? [enough] : [])];
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
