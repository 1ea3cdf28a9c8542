import { VarveError } from '../../lib/errors.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import type { Head, Partitions, TopicIdPartition } from '../../lib/stores/catalog/partitions.ts';
import { ObjectError, type ObjectStore } from '../../lib/stores/objects/objects.ts';
import type { VirtualClock } from './clock.ts';
import type { Dice } from './dice.ts';
import type { Process } from './process.ts';
import type { Trace } from './trace.ts';

/** What goes wrong between a process and the stores: probabilities of a request, times in milliseconds. */
export interface Weather {
  /** Refused: it never took place, the process is told of a failure. */
  refused: number;
  /** It took place, the process is told of a failure. */
  answerLost: number;
  /** The process is told of a failure, and later it takes place all the same. */
  late: number;
  lateBy: number;
  /** It takes long. */
  slow: number;
  slowBy: number;
  /** There and back. */
  latency: number;
  /** A `peek` answers what was true a moment ago. */
  stalePeek: number;
  /** A put is refused for lack of room. */
  full: number;
}

export const CALM: Weather = {
  refused: 0,
  answerLost: 0,
  late: 0,
  lateBy: 0,
  slow: 0,
  slowBy: 0,
  latency: 5,
  stalePeek: 0,
  full: 0,
};

const PEEK_AGE_MS = 500;
/** A request that failed takes place this much later at most: after that whoever waits may rely on it. */
export const LATE_AT_MOST_MS = 20_000;

type Fault = 'none' | 'refused' | 'answer lost' | 'late' | 'full';

/** Between processes and stores: every request takes time, and any may fail, in each of the ways in which one can. */
export interface Network {
  weather: Weather;
  /** Requests under way, of a process. */
  pending(process: Process): number;
  catalog(process: Process, inner: Catalog): Catalog;
  objects(process: Process, inner: ObjectStore): ObjectStore;
}

export interface NetworkDeps {
  clock: VirtualClock;
  dice: Dice;
  trace: Trace;
  /** Counts what happened. */
  count(what: string): void;
}

interface Sent<T> {
  operation: string;
  apply(): Promise<T>;
  /** How the process learns that the store failed. */
  fail(fault: Fault): { value: T } | { error: Error };
  signal?: AbortSignal | undefined;
  faults?: readonly Fault[];
}

const ON_READS: readonly Fault[] = ['refused'];
const ON_WRITES: readonly Fault[] = ['refused', 'answer lost', 'late'];
const READS = ['head', 'peek', 'find', 'findTimestamp', 'chunk', 'references', 'get', 'list', 'offsets', 'stat'];

export function createNetwork({ clock, dice, trace, count }: NetworkDeps): Network {
  const pending = new Map<Process, number>();
  const lastHeads = new Map<string, { at: number; head: Head }>();

  function draw(faults: readonly Fault[]): Fault {
    const { weather } = network;
    const drawn: Fault = dice.chance(weather.refused)
      ? 'refused'
      : dice.chance(weather.answerLost)
        ? 'answer lost'
        : dice.chance(weather.late)
          ? 'late'
          : dice.chance(weather.full)
            ? 'full'
            : 'none';
    return faults.includes(drawn) ? drawn : 'none';
  }

  function delay(): number {
    const { weather } = network;
    if (!dice.chance(weather.slow)) return dice.around(weather.latency / 2);
    count('slow request');
    return dice.around(weather.slowBy);
  }

  function send<T>(process: Process, { operation, apply, fail, signal, faults = ON_WRITES }: Sent<T>): Promise<T> {
    const fault = draw(faults);
    const there = delay();
    const back = delay();
    const called = `${process.name} ${operation}`;
    if (fault !== 'none') count(`${operation}: ${fault}`);
    pending.set(process, (pending.get(process) ?? 0) + 1);
    return new Promise<T>((resolve, reject) => {
      let open = true;
      const settle = (how: string, end: () => void) => {
        if (!open) return;
        open = false;
        pending.set(process, pending.get(process)! - 1);
        signal?.removeEventListener('abort', abort);
        trace.note(`${called} -> ${how}`);
        end();
      };
      const answer = (after: number, how: string, end: () => void) =>
        clock.schedule(after, () => process.deliver(() => settle(how, end)));
      const answerFailure = (after: number) => {
        const failure = fail(fault);
        answer(after, fault, () => ('error' in failure ? reject(failure.error) : resolve(failure.value)));
      };
      const abort = () => {
        count(`${operation}: deadline`);
        settle('aborted', () => reject(signal!.reason));
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener('abort', abort);

      const take = () => {
        trace.note(`${called} takes place`);
        return apply();
      };
      if (fault === 'refused' || fault === 'full') answerFailure(there + back);
      else if (fault === 'late') {
        answerFailure(there + back);
        const later = there + Math.min(dice.around(network.weather.lateBy), LATE_AT_MOST_MS);
        clock.schedule(later, () => void take().catch(() => {}));
      } else {
        clock.schedule(there, () =>
          take().then(
            (value) => (fault === 'none' ? answer(back, 'ok', () => resolve(value)) : answerFailure(back)),
            (error) => answer(back, 'error', () => reject(error)),
          ),
        );
      }
    });
  }

  function storageError(fault: Fault) {
    const code = dice.chance(0.5) ? 'KAFKA_STORAGE_ERROR' : 'REQUEST_TIMED_OUT';
    return { error: new VarveError(code, `simulated: ${fault}`) };
  }

  function objectError(fault: Fault) {
    return { error: new ObjectError(fault === 'full' ? 'STORE_FULL' : 'STORE_FAILED', `simulated: ${fault}`) };
  }

  /** The port with every method's call sent over the network. */
  function remote<Port extends object>(process: Process, name: string, port: Port): Port {
    return new Proxy(port, {
      get(target, method) {
        if (typeof method !== 'string') return undefined;
        const call = Reflect.get(target, method) as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) =>
          send(process, {
            operation: `${name}.${method}`,
            apply: () => call.apply(target, args),
            fail: storageError,
            faults: READS.includes(method) ? ON_READS : ON_WRITES,
          });
      },
    });
  }

  function partitions(process: Process, inner: Partitions): Partitions {
    const all = remote(process, 'partitions', inner);
    const keyOf = (of: TopicIdPartition) => `${of.topicId}#${of.partition}`;

    async function append(
      to: Parameters<Partitions['append']>[0],
      entries: Parameters<Partitions['append']>[1],
      { signal }: { signal?: AbortSignal } = {},
    ) {
      const unknown = (cause: unknown) => ({
        outcomes: entries.map(() => ({ status: 'unknown' as const, cause })),
      });
      // What the caller does to its buffers after the call is its own affair.
      const sent = entries.map((entry) => (entry.bytes ? { ...entry, bytes: entry.bytes.slice() } : entry));
      try {
        return await send(process, {
          operation: 'partitions.append',
          apply: () => inner.append(to, sent),
          fail: (fault): { value: Awaited<ReturnType<Partitions['append']>> } => ({
            value: unknown(new Error(`simulated: ${fault}`)),
          }),
          signal,
        });
      } catch (cause) {
        return unknown(cause);
      }
    }

    /** Each head as it is, or as it was asked for a moment ago. */
    async function peek(of: readonly TopicIdPartition[]) {
      const heads = await all.peek(of);
      return heads.map((head, i) => {
        const key = keyOf(of[i]!);
        const last = lastHeads.get(key);
        if (last && clock.monotonic() - last.at <= PEEK_AGE_MS && dice.chance(network.weather.stalePeek)) {
          count('partitions.peek: stale');
          return last.head;
        }
        if (head) lastHeads.set(key, { at: clock.monotonic(), head });
        return head;
      });
    }

    return {
      append,
      peek,
      head: (of) => all.head(of),
      producers: (of) => all.producers(of),
      find: (of, offset, head) => all.find(of, offset, head),
      findTimestamp: (of, timestamp) => all.findTimestamp(of, timestamp),
      chunks: (of, ids) => all.chunks(of, ids),
      raiseLogStart: (of, offset) => all.raiseLogStart(of, offset),
      raiseFloor: (of, time) => all.raiseFloor(of, time),
      references: (of, from) => all.references(of, from),
      trim: (of) => all.trim(of),
      dropChunks: (of, before) => all.dropChunks(of, before),
      advanceFrontier: (of, head, run) => all.advanceFrontier(of, head, run),
      replaceIndex: (of, head, generation, runs) => all.replaceIndex(of, head, generation, runs),
    };
  }

  const network: Network = {
    weather: CALM,
    pending: (process) => pending.get(process) ?? 0,
    catalog: (process, inner) => ({
      clusterId: inner.clusterId,
      shared: true,
      topics: remote(process, 'topics', inner.topics),
      partitions: partitions(process, inner.partitions),
      groups: remote(process, 'groups', inner.groups),
      leases: remote(process, 'leases', inner.leases),
      memberships: remote(process, 'memberships', inner.memberships),
      instances: remote(process, 'instances', inner.instances),
      producers: remote(process, 'producers', inner.producers),
      subscriptions: remote(process, 'subscriptions', inner.subscriptions),
      // The stores outlive the process.
      close: async () => {},
    }),
    objects(process, inner) {
      const request = <T>(
        method: string,
        apply: () => Promise<T>,
        signal: AbortSignal | undefined,
        faults: readonly Fault[],
      ) => send(process, { operation: `objects.${method}`, apply, fail: objectError, signal, faults });
      return {
        put(name, parts, { signal } = {}) {
          const sent = parts.map((part) => part.slice());
          return request('put', () => inner.put(name, sent), signal, [...ON_WRITES, 'full']);
        },
        get: (name, { signal, ...range } = {}) => request('get', () => inner.get(name, range), signal, ON_READS),
        stat: (name, { signal } = {}) => request('stat', () => inner.stat(name), signal, ON_READS),
        list: (prefix, { signal, ...page } = {}) => request('list', () => inner.list(prefix, page), signal, ON_READS),
        delete: (names, { signal } = {}) => request('delete', () => inner.delete(names), signal, ON_WRITES),
        close: async () => {},
      };
    },
  };
  return network;
}
