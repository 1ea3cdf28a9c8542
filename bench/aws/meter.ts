import type { Answered } from './wire.ts';

interface Count {
  service: Answered['service'];
  operation: string;
  requests: number;
  writeUnits: number;
  readUnits: number;
}

/** Requests and units, by names such as `UpdateItem head`. */
export type Counts = ReadonlyMap<string, Readonly<Count>>;

export interface Meter {
  add(call: Answered): void;
  /** What was counted since the last time. */
  take(): Counts;
  /** Requests so far, taken or not. */
  total(): number;
}

export function createMeter(): Meter {
  let counts = new Map<string, Count>();
  let total = 0;
  return {
    add({ service, operation, item, writeUnits, readUnits }) {
      const name = item ? `${operation} ${item}` : operation;
      counts.set(name, plus(counts.get(name), { service, operation, requests: 1, writeUnits, readUnits }));
      total += 1;
    },
    take() {
      const taken = counts;
      counts = new Map();
      return taken;
    },
    total: () => total,
  };
}

export function plus(a: Readonly<Count> | undefined, b: Readonly<Count>): Count {
  if (!a) return b;
  const { requests, writeUnits, readUnits } = a;
  return {
    ...b,
    requests: requests + b.requests,
    writeUnits: writeUnits + b.writeUnits,
    readUnits: readUnits + b.readUnits,
  };
}

export function sum(counts: Counts, of: (count: Readonly<Count>, name: string) => number): number {
  return [...counts].reduce((total, [name, count]) => total + of(count, name), 0);
}

export function together(all: readonly Counts[]): Counts {
  const merged = new Map<string, Count>();
  for (const counts of all) for (const [name, count] of counts) merged.set(name, plus(merged.get(name), count));
  return merged;
}

export function without(counts: Counts, others: Counts): Counts {
  return new Map(
    [...counts].map(([name, count]) => {
      const { requests = 0, writeUnits = 0, readUnits = 0 } = others.get(name) ?? {};
      return [
        name,
        {
          ...count,
          requests: count.requests - requests,
          writeUnits: count.writeUnits - writeUnits,
          readUnits: count.readUnits - readUnits,
        },
      ];
    }),
  );
}
