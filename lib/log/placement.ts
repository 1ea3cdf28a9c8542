/**
 * Where a flush's batches go: into the catalog (carried) or into one segment. Decided by price, in one unit that only has to
 * be the same within one table. For AWS the unit is a DynamoDB write unit; embedded it is an fsync.
 */
export interface Prices {
  /** One object put. */
  put: number;
  /** An entry that points into a segment. */
  pointer: number;
  /** An entry together with its batch of `bytes`. */
  carried(bytes: number): number;
  /** A larger batch is never carried, bytes. */
  carryLimit: number;
}

/**
 * us-east-1, on demand: an S3 put is $5/M, a write unit $0.625/M. Up to 300 B a batch lies in the entry and makes appends
 * dearer and rolls more frequent; above it is an item of its own, a write unit for each KiB begun (100 B of it keys and names). Both with
 * what their deletion costs, which S3 does for nothing. Measured at 20 appends a second: test/stores/catalog/dynamodb/units.test.ts.
 */
export const awsPrices: Prices = {
  put: 8,
  pointer: 1.15,
  carried: (bytes) => 1.15 + (bytes <= 300 ? bytes * 0.0053 : 2 * Math.ceil((bytes + 100) / 1024)),
  carryLimit: 8 * 1024,
};

/** A put syncs the file and its folder; a carried batch shares the commit's own sync and is written twice (log, then table). */
export const embeddedPrices: Prices = {
  put: 2,
  pointer: 0,
  carried: (bytes) => bytes / (128 * 1024),
  carryLimit: 64 * 1024,
};

export function place(sizes: readonly number[], prices: Prices): 'carried' | 'segment' {
  let carried = 0;
  for (const size of sizes) {
    if (size > prices.carryLimit) return 'segment';
    carried += prices.carried(size);
  }
  return carried <= prices.put + sizes.length * prices.pointer ? 'carried' : 'segment';
}
