import type { ConsumedBatch } from './consumer.ts';

/** A batch that was read for somebody, who is told when it is taken. */
export interface Ready<Owner> {
  owner: Owner;
  take(): ConsumedBatch;
}

/** Bounds what is read ahead: each batch has a turn from before it is read until it is taken, and owners queue for their next behind the others. */
export interface Turns<Owner> {
  turn(): Promise<void>;
  /** Gives one back that nothing was read in. */
  give(): void;
  put(ready: Ready<Owner>): void;
  shift(): Ready<Owner> | undefined;
  /** Forgets what was read for this owner. */
  drop(owner: Owner): void;
  /** Lets all go who wait, and forgets everything. */
  end(): void;
}

export function createTurns<Owner>(count: number): Turns<Owner> {
  let ready: Ready<Owner>[] = [];
  const waiting: (() => void)[] = [];
  let free = count;

  function give(): void {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }

  return {
    async turn() {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    },
    give,
    put: (one) => void ready.push(one),
    shift() {
      const one = ready.shift();
      if (one) give();
      return one;
    },
    drop(owner) {
      const before = ready.length;
      ready = ready.filter((one) => one.owner !== owner);
      for (let dropped = before - ready.length; dropped > 0; dropped--) give();
    },
    end() {
      ready = [];
      for (const next of waiting.splice(0)) next();
    },
  };
}
