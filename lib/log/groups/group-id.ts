import { VarveError } from '../../errors.ts';

const MAX_BYTES = 255;

/** Throws INVALID_GROUP_ID. */
export function checkGroupId(group: string): void {
  const bytes = Buffer.byteLength(group);
  const printable = !/\p{Cc}/u.test(group) && group.isWellFormed();
  if (bytes >= 1 && bytes <= MAX_BYTES && printable) return;
  throw new VarveError(
    'INVALID_GROUP_ID',
    `A group id is 1 to ${MAX_BYTES} bytes of UTF-8 without control characters.`,
  );
}
