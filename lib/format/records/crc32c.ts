import { createRequire } from 'node:module';

/** CRC-32C (Castagnoli), the checksum of record batches and of everything that Varve stores. */

/** The polynomial 0x1EDC6F41, bits reversed. */
const POLYNOMIAL = 0x82f63b78;

/** TABLES[256 * k + b] is the CRC of byte b followed by k zero bytes. */
const TABLES = slicingTables(16);

function slicingTables(count: number): Int32Array {
  const tables = new Int32Array(256 * count);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const shorter = tables[i - 256]!;
    tables[i] = (shorter >>> 8) ^ tables[shorter & 0xff]!;
  }
  return tables;
}

/** `crc32c` in JavaScript, for machines without the native library: sixteen bytes a step, whatever the machine's byte order. */
export function crc32cInJavaScript(bytes: Uint8Array, seed = 0): number {
  const t = TABLES;
  const end = bytes.length;
  let crc = ~seed;
  let at = 0;
  for (const last = end - 16; at <= last; at += 16) {
    crc =
      t[0xf00 + ((bytes[at]! ^ crc) & 0xff)]! ^
      t[0xe00 + ((bytes[at + 1]! ^ (crc >>> 8)) & 0xff)]! ^
      t[0xd00 + ((bytes[at + 2]! ^ (crc >>> 16)) & 0xff)]! ^
      t[0xc00 + (bytes[at + 3]! ^ (crc >>> 24))]! ^
      t[0xb00 + bytes[at + 4]!]! ^
      t[0xa00 + bytes[at + 5]!]! ^
      t[0x900 + bytes[at + 6]!]! ^
      t[0x800 + bytes[at + 7]!]! ^
      t[0x700 + bytes[at + 8]!]! ^
      t[0x600 + bytes[at + 9]!]! ^
      t[0x500 + bytes[at + 10]!]! ^
      t[0x400 + bytes[at + 11]!]! ^
      t[0x300 + bytes[at + 12]!]! ^
      t[0x200 + bytes[at + 13]!]! ^
      t[0x100 + bytes[at + 14]!]! ^
      t[bytes[at + 15]!]!;
  }
  while (at < end) crc = (crc >>> 8) ^ t[(crc ^ bytes[at++]!) & 0xff]!;
  return ~crc >>> 0;
}

type Crc = (bytes: Uint8Array, seed?: number) => number;

function native(): Crc | undefined {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: Crc }).crc32c;
  } catch {
    // An optional dependency: absent on some platforms and in bundles.
    return undefined;
  }
}

/** The CRC-32C of the bytes, unsigned; `seed` is the CRC of the bytes before them. */
export const crc32c: Crc = native() ?? crc32cInJavaScript;
