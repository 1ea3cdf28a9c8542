import type { Clock } from '../../../clock.ts';
import { VarveError } from '../../../errors.ts';
import type { Random } from '../../../ids.ts';
import type { Catalog } from '../catalog.ts';
import type { NewEntry, Partitions, Run } from '../partitions.ts';
import { type Core, EFFECTS, openEngine } from './engine.ts';
import { toEntry } from './entries.ts';
import { inlineTransport } from './inline.ts';
import { type Arguments, createRequests, type Requests, type Result, type Transport } from './requests.ts';
import { startThread } from './thread.ts';

export interface SqliteOptions {
  /** A file, made when it is not there (its folder must be), or `:memory:`. */
  path: string | ':memory:';
  clock: Clock;
  random: Random;
  /** Whether the engine runs in a worker thread. By default it does for a file. */
  worker?: boolean;
}

/** Of the port: what an append may hold. */
const MAX_ENTRIES = 200;
const MAX_CARRIED_BYTES = 64 * 1024;

/**
 * The catalog in an SQLite file, which this process holds alone until `close` or its end. Calls that come while a commit is
 * under way are committed together by the next one, with one fsync.
 * Errors: DATA_FOLDER_IN_USE, DATA_FORMAT_TOO_NEW, DATA_UNREADABLE.
 */
export async function openSqlite(options: SqliteOptions): Promise<Catalog> {
  const { path, clock, random, worker = path !== ':memory:' } = options;
  const clusterId = Buffer.from(random(16)).toString('base64url');
  const transport = worker
    ? await startThread({ path, clusterId })
    : inlineTransport(openEngine(path, clusterId), clock);
  return catalogOver(transport, clock);
}

export function catalogOver(transport: Transport, clock: Clock): Catalog {
  const requests = createRequests(transport, clock);
  return {
    clusterId: transport.clusterId,
    shared: false,
    topics: remote(requests, 'topics'),
    partitions: remotePartitions(requests),
    groups: remote(requests, 'groups'),
    leases: remote(requests, 'leases'),
    memberships: remote(requests, 'memberships'),
    instances: remote(requests, 'instances'),
    producers: remote(requests, 'producers'),
    subscriptions: remote(requests, 'subscriptions'),
    close: () => requests.close(),
  };
}

type Remote<Port> = { [Method in keyof Port]: (...args: Arguments<Port[Method]>) => Promise<Result<Port[Method]>> };

/** The methods of one of the engine's ports, as calls. */
function remote<Port extends keyof Core>(requests: Requests, port: Port): Remote<Core[Port]> {
  const methods = Object.keys(EFFECTS[port]).map((method) => [
    method,
    (...args: never) => requests.call(port, method as never, args),
  ]);
  return Object.fromEntries(methods) as Remote<Core[Port]>;
}

function remotePartitions(requests: Requests): Partitions {
  return {
    ...remote(requests, 'partitions'),

    async append(to, entries, { signal } = {}) {
      if (entries.length === 0) return { outcomes: [] };
      check(entries);
      // The caller may change its buffers, and a view clones the whole buffer under it.
      const owned = entries.map((entry) => (entry.bytes ? { ...entry, bytes: new Uint8Array(entry.bytes) } : entry));
      const bytes = owned.reduce((sum, entry) => sum + (entry.bytes?.length ?? 0), 0);
      try {
        const { outcomes, head } = await requests.call('partitions', 'append', [to, owned], { bytes, signal });
        if (!head) return { outcomes };
        const tail = owned.filter((_, i) => outcomes[i]?.status === 'appended').map(toEntry);
        const base = head.highWatermark - tail.reduce((sum, entry) => sum + entry.count, 0);
        return { outcomes, head: { ...head, tail: { base, entries: tail, level: 0 } } };
      } catch (cause) {
        return { outcomes: entries.map(() => ({ status: 'unknown', cause })) };
      }
    },

    async find(of, offset, head) {
      if (offset < head.logStart) return undefined;
      const { tail } = head;
      if (tail.base <= offset && offset < head.highWatermark) return tail;
      return await requests.call('partitions', 'find', [of, offset]);
    },

    async findTimestamp(of, timestamp) {
      let from = 0;
      for (;;) {
        const step: { run: Run | undefined } | { from: number } = await requests.call('partitions', 'findTimestamp', [
          of,
          timestamp,
          from,
        ]);
        if ('run' in step) return step.run;
        from = step.from;
      }
    },
  };
}

function check(entries: readonly NewEntry[]): void {
  if (entries.length > MAX_ENTRIES) {
    throw new VarveError('INVALID_REQUEST', `An append holds at most ${MAX_ENTRIES} entries: split it.`);
  }
  if (entries.some(({ bytes }) => bytes && bytes.length > MAX_CARRIED_BYTES)) {
    throw new VarveError(
      'MESSAGE_TOO_LARGE',
      `An entry carries at most ${MAX_CARRIED_BYTES} bytes: put more into a segment.`,
    );
  }
}
