import { crc32c } from '../../format/records/crc32c.ts';
import type { LogRecord } from '../../format/records/record.ts';

/**
 * A partition's records by share, each in order: what has one key is in one share, always the same; what has none is spread. The hash is
 * another one than by which keys came to this partition, which would have them all in few shares.
 */
export function shareOut(records: readonly LogRecord[], width: number): LogRecord[][] {
  const shares = Array.from({ length: width }, (): LogRecord[] => []);
  for (const record of records) {
    const share = record.key ? crc32c(record.key) : record.offset;
    shares[share % width]!.push(record);
  }
  return shares;
}
