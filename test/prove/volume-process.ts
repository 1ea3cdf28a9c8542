/** The process whose memory `volume` looks at: DATA BYTES. Appends records, reads them back, prints a `VolumeReport`. */
import { randomBytes } from 'node:crypto';
import { openEmbedded } from '../../lib/open/embedded.ts';

export interface VolumeReport {
  /** Of values. */
  bytes: number;
  appended: number;
  /** Records that came back at their offset with their value. */
  right: number;
  appendMs: number;
  readMs: number;
  /** Bytes. */
  peakAfterAppend: number;
  peak: number;
}

const PARTITIONS = 8;
const VALUE = 1024;
const RECORDS_A_CALL = 1000;

const [data = '', bytes = ''] = process.argv.slice(2);
const calls = Math.ceil(Number(bytes) / VALUE / RECORDS_A_CALL / PARTITIONS);
const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const noise = randomBytes(1024 * 1024);

/** The value at an offset: its number, then noise, so that neither compression nor a cache helps. */
function valueAt(partition: number, offset: number): Buffer {
  const value = Buffer.allocUnsafeSlow(VALUE);
  const from = ((offset * PARTITIONS + partition) * 997) % (noise.length - VALUE);
  noise.copy(value, 0, from, from + VALUE);
  value.writeUInt32BE(partition, 0);
  value.writeUInt32BE(offset, 4);
  return value;
}

const peak = () => process.resourceUsage().maxRSS * 1024;

const log = await openEmbedded({ data });
await log.topics.create('volume', { partitions: PARTITIONS });

const began = performance.now();
await Promise.all(
  partitions.map(async (partition) => {
    for (let call = 0; call < calls; call++) {
      const first = call * RECORDS_A_CALL;
      const records = Array.from({ length: RECORDS_A_CALL }, (_, i) => ({
        partition,
        value: valueAt(partition, first + i),
      }));
      await log.append('volume', records, { timeout: 120_000 });
    }
  }),
);
const appended = performance.now();
const peakAfterAppend = peak();

let right = 0;
for (const partition of partitions) {
  for (let next = 0; next < calls * RECORDS_A_CALL; ) {
    const { records, next: after } = await log.poll('volume', partition, next);
    if (records.length === 0) break;
    for (const { offset, value } of records) {
      if (offset === next && value !== null && valueAt(partition, offset).equals(value)) right++;
      next++;
    }
    next = after;
  }
}
const read = performance.now();
await log.close();

const records = calls * RECORDS_A_CALL * PARTITIONS;
const report: VolumeReport = {
  bytes: records * VALUE,
  appended: records,
  right,
  appendMs: appended - began,
  readMs: read - appended,
  peakAfterAppend,
  peak: peak(),
};
console.log(JSON.stringify(report));
