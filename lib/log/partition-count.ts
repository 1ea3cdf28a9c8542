import { VarveError } from '../errors.ts';

const MAX_PARTITIONS = 10_000;

/** Throws INVALID_PARTITIONS. */
export function checkPartitions(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= MAX_PARTITIONS) return;
  throw new VarveError('INVALID_PARTITIONS', `A topic has 1 to ${MAX_PARTITIONS} partitions.`);
}
