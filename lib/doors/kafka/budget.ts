/** Bytes that many may hold together. Nobody waits: who asks gets less the more is held. */
export interface Budget {
  /** Takes at most `wanted` and half of what is free, but never less than `least`. Give back what was granted, once. */
  take(wanted: number, least: number): number;
  give(bytes: number): void;
  readonly held: number;
}

export function createBudget(total: number): Budget {
  let held = 0;
  return {
    take(wanted, least) {
      const granted = Math.min(wanted, Math.max(least, (total - held) >> 1));
      held += granted;
      return granted;
    },
    give(bytes) {
      held -= bytes;
    },
    get held() {
      return held;
    },
  };
}
