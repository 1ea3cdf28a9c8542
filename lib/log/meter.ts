/** What a log counts and times, for whoever wants to show it. Durations in seconds. */
export interface Meter {
  /** A batch was appended, `seconds` after it was handed over. */
  appended(records: number, bytes: number, seconds: number): void;
  /** A flush of the Writer became durable in the catalog (`carried`) or the object store (`segment`). */
  flushed(place: 'carried' | 'segment', bytes: number, seconds: number): void;
  committed(entries: number, seconds: number): void;
  fetched(bytes: number): void;
}

export const silentMeter: Meter = { appended() {}, flushed() {}, committed() {}, fetched() {} };
