/** What a proof is given, and how it says what it saw. */
export interface Trial {
  readonly size: 'small' | 'full';
  /** Of everything random in it. */
  readonly seed: number;
  /** Its own, empty, gone afterwards. */
  readonly folder: string;
  /** A figure for people. */
  figure(name: string, value: string): void;
  /** A statement, whether it holds, and what shows that. */
  claim(statement: string, holds: boolean, seen?: string): void;
  /** Says why nothing can be shown on this machine. */
  skip(reason: string): void;
}

/** Resolves when all its claims are made; throwing fails it. Leaves no process behind. */
export type Proof = (trial: Trial) => Promise<void>;

/** Megabytes (10^6) a second. */
export const rate = (bytes: number, milliseconds: number) => `${(bytes / 1000 / milliseconds).toFixed(0)} MB/s`;

export const millis = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

export const count = (value: number) => value.toLocaleString('en-US');
