import type { Clock } from '../../clock.ts';
import { HttpProblem } from './errors.ts';

/** Bounds the bytes that all requests together hold in memory. */
export interface Budget {
  /** Waits its turn, first come first served, until `bytes` fit; what is larger than all there is may pass alone. Release it once. */
  take(bytes: number): Promise<() => void>;
  /** Counts what is held already, without waiting. Release it once. */
  hold(bytes: number): () => void;
}

/** A wait of more than `patience` milliseconds ends in TOO_BUSY. */
export function createBudget(total: number, patience: number, clock: Clock): Budget {
  const turns: { bytes: number; go(): void }[] = [];
  let held = 0;

  const fits = (bytes: number) => held === 0 || held + bytes <= total;

  function hold(bytes: number): () => void {
    held += bytes;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      held -= bytes;
      for (let next = turns[0]; next && fits(next.bytes); next = turns[0]) next.go();
    };
  }

  return {
    hold,
    take(bytes) {
      if (turns.length === 0 && fits(bytes)) return Promise.resolve(hold(bytes));
      return new Promise((resolve, reject) => {
        const leave = () => {
          cancel();
          turns.splice(turns.indexOf(turn), 1);
        };
        const turn = {
          bytes,
          go() {
            leave();
            resolve(hold(bytes));
          },
        };
        const cancel = clock.schedule(patience, () => {
          leave();
          reject(new HttpProblem('TOO_BUSY', 'Too many large requests at the same time; send it again in a moment.'));
        });
        turns.push(turn);
      });
    },
  };
}
