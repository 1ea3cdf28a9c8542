/** Bytes of answers that many clients may hold together. Nobody waits: who asks gets less the more is held. */
export interface Budget {
  /** For one answer, while it is put together. Never granted less than `least`. Close it, once. */
  open(least: number): Account;
  /**
   * Counts an answer that its client has not taken yet; call what is returned when that has changed. When too much is held,
   * those who have held something longest are cut off.
   */
  hold(bytes: number, cut: () => void): () => void;
  readonly held: number;
}

export interface Account {
  /** Takes at most `wanted` and half of what is free. */
  take(wanted: number): number;
  /** Gives back a part of what was taken; less than nothing when more turned out to be needed. */
  give(bytes: number): void;
  /** Gives back the rest. */
  close(): void;
}

/** `total`: what grants are cut to fit into; `most`: beyond it clients are cut off. */
export function createBudget(total: number, most: number): Budget {
  let held = 0;
  /** In the order in which they began to hold. */
  const holders = new Map<() => void, () => void>();
  return {
    open(least) {
      let taken = 0;
      return {
        take(wanted) {
          const granted = Math.min(wanted, Math.max(least, (total - held) >> 1));
          held += granted;
          taken += granted;
          return granted;
        },
        give(bytes) {
          held -= bytes;
          taken -= bytes;
        },
        close() {
          held -= taken;
          taken = 0;
        },
      };
    },
    hold(bytes, cut) {
      const release = () => {
        if (holders.delete(release)) held -= bytes;
      };
      holders.set(release, cut);
      held += bytes;
      for (const [letGo, cutOff] of holders) {
        if (held <= most) break;
        letGo();
        cutOff();
      }
      return release;
    },
    get held() {
      return held;
    },
  };
}
