import { VarveError } from '../errors.ts';

const MAX_LISTED = 10_000;

/** A listing answers 1 to 10,000 names: INVALID_REQUEST for any other limit. */
export function checkListLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LISTED) return;
  throw new VarveError('INVALID_REQUEST', `A limit must be a whole number from 1 to ${MAX_LISTED}.`);
}
