/** What the door counts and times. */
export interface Metrics {
  /** `route` is the pattern, not the path: its values are few. */
  request(method: string, route: string, status: number, seconds: number): void;
  /** Partitions that event streams follow now. */
  following(partitions: number): void;
  /** What `/metrics` shows; without it there is no such address. */
  shown?: { contentType: string; text(): Promise<string> };
}

export const silentMetrics: Metrics = { request() {}, following() {} };
