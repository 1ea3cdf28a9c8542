export interface Producers {
  /** A producer id that was never given before; at least 0. */
  allocate(): Promise<number>;
}
