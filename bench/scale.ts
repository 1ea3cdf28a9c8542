/** How much a bench does. */
export interface Scale {
  /** Turns of Varve and machine; medians are shown. */
  turns: number;
  /** Bytes of values that a turn appends or reads. */
  bytes: number;
  /** Seconds of load in a turn. */
  seconds: number;
}

export const FULL: Scale = { turns: 5, bytes: 256 * 1024 * 1024, seconds: 10 };

/** Shows that the benches run; its figures mean little. */
export const QUICK: Scale = { turns: 1, bytes: 16 * 1024 * 1024, seconds: 1 };
