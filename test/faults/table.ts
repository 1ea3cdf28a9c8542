import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Delete, Key, Put, Query, Table, Update } from '../../lib/stores/catalog/dynamodb/table.ts';

/** What is asked of a table, before it is. */
export type Request =
  | { operation: 'get'; key: Key }
  | { operation: 'batchGet'; keys: readonly Key[] }
  | { operation: 'query'; query: Query }
  | { operation: 'put'; put: Put }
  | { operation: 'update'; update: Update }
  | { operation: 'delete'; remove: Delete }
  | { operation: 'transact' };

/** Decides what becomes of a request: `send` carries it out, as often and as late as the hook likes. */
export type Hook = <T>(request: Request, send: () => Promise<Answer<T>>) => Promise<Answer<T>>;

/** A table whose every request passes a hook. */
export function hookedTable(table: Table, hook: Hook): Table {
  return {
    get: (key, options) => hook({ operation: 'get', key }, () => table.get(key, options)),
    batchGet: (keys, options) => hook({ operation: 'batchGet', keys }, () => table.batchGet(keys, options)),
    query: (query, after) => hook({ operation: 'query', query }, () => table.query(query, after)),
    put: (put) => hook({ operation: 'put', put }, () => table.put(put)),
    update: (update) => hook({ operation: 'update', update }, () => table.update(update)),
    delete: (remove) => hook({ operation: 'delete', remove }, () => table.delete(remove)),
    transact: (writes, token) => hook({ operation: 'transact' }, () => table.transact(writes, token)),
    close: () => table.close(),
  };
}

export const isAppend = (request: Request) =>
  request.operation === 'update' && request.update.update.includes('list_append');

/** The request that makes sure that an unanswered append can never land. */
export const isMark = (request: Request) => request.operation === 'update' && request.update.update === 'SET #X = :f';

export const isEviction = (request: Request) =>
  request.operation === 'update' && request.update.update.includes('n = n + :one');

export const isMarkRemoval = (request: Request) =>
  request.operation === 'update' && request.update.condition?.includes('#x0 < :lim') === true;

/** Chances in [0, 1] of what may become of a request. Each request meets one of them at most. */
export interface Faults {
  /** Carried out, and the answer lost. */
  lost: number;
  /** Answered as lost at once, carried out up to `lateMs` later. */
  late: number;
  lateMs: number;
  /** Carried out twice, the second time up to 60 ms later; the second answer is the one that arrives, half of the time. */
  doubled: number;
  /** Throttled, or in conflict with a transaction. */
  busy: number;
  /** Held up to `frozenMs` before it is sent, as by a process that is frozen between two lines. */
  frozen: number;
  frozenMs: number;
}

export interface FaultInjector {
  hook: Hook;
  /** How often each fault happened. */
  counts: Record<'lost' | 'late' | 'doubled' | 'busy' | 'frozen', number>;
  /** Resolves when everything late has been carried out. */
  settled(): Promise<void>;
}

const lostAnswer = { status: 'ambiguous', cause: new Error('injected: no answer') } as const;

/** Faults on every write, decided by `random`, numbers in [0, 1). Reads are only throttled. */
export function injectFaults(faults: Faults, random: () => number): FaultInjector {
  const counts = { lost: 0, late: 0, doubled: 0, busy: 0, frozen: 0 };
  const pending = new Set<Promise<unknown>>();
  const later = <T>(ms: number, send: () => Promise<T>): Promise<T> => {
    const sent = delay(ms).then(send);
    pending.add(sent);
    void sent.finally(() => pending.delete(sent));
    return sent;
  };

  const hook: Hook = async (request, send) => {
    const isRead = ['get', 'batchGet', 'query'].includes(request.operation);
    let dice = random();
    const happens = (fault: 'lost' | 'late' | 'doubled' | 'busy' | 'frozen') => {
      dice -= faults[fault];
      if (dice >= 0) return false;
      counts[fault] += 1;
      return true;
    };
    if (happens('busy')) return { status: 'busy', cause: new Error('injected: throttled') };
    if (isRead) return send();
    if (happens('lost')) {
      await send();
      return lostAnswer;
    }
    if (happens('late')) {
      void later(random() * faults.lateMs, send);
      return lostAnswer;
    }
    if (happens('doubled')) {
      const first = await send();
      const second = later(random() * 60, send);
      return random() < 0.5 ? first : second;
    }
    if (happens('frozen')) return later(random() * faults.frozenMs, send);
    return send();
  };

  return {
    hook,
    counts,
    async settled() {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}
