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

/** `crc32c` in JavaScript: sixteen bytes a step, for machines without the native library. */
export function crc32cInJavaScript(bytes: Uint8Array, seed = 0): number {
  const t = TABLES;
  const end = bytes.length;
  let crc = ~seed;
  let at = 0;
  // An Int32Array must begin at a multiple of four. It reads in the machine's byte order, which is little-endian wherever Node runs fast.
  const aligned = LITTLE_ENDIAN ? Math.min(end, -bytes.byteOffset & 3) : end;
  while (at < aligned) crc = (crc >>> 8) ^ t[(crc ^ bytes[at++]!) & 0xff]!;
  const words = new Int32Array(bytes.buffer, LITTLE_ENDIAN ? bytes.byteOffset + at : 0, ((end - at) >> 4) << 2);
  for (let i = 0; i < words.length; i += 4) {
    const a = crc ^ words[i]!;
    const b = words[i + 1]!;
    const c = words[i + 2]!;
    const d = words[i + 3]!;
    crc =
      t[0xf00 + (a & 0xff)]! ^
      t[0xe00 + ((a >>> 8) & 0xff)]! ^
      t[0xd00 + ((a >>> 16) & 0xff)]! ^
      t[0xc00 + (a >>> 24)]! ^
      t[0xb00 + (b & 0xff)]! ^
      t[0xa00 + ((b >>> 8) & 0xff)]! ^
      t[0x900 + ((b >>> 16) & 0xff)]! ^
      t[0x800 + (b >>> 24)]! ^
      t[0x700 + (c & 0xff)]! ^
      t[0x600 + ((c >>> 8) & 0xff)]! ^
      t[0x500 + ((c >>> 16) & 0xff)]! ^
      t[0x400 + (c >>> 24)]! ^
      t[0x300 + (d & 0xff)]! ^
      t[0x200 + ((d >>> 8) & 0xff)]! ^
      t[0x100 + ((d >>> 16) & 0xff)]! ^
      t[d >>> 24]!;
  }
  at += words.byteLength;
  while (at < end) crc = (crc >>> 8) ^ t[(crc ^ bytes[at++]!) & 0xff]!;
  return ~crc >>> 0;
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

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
