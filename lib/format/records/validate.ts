import { type RecordError, VarveError } from '../../errors.ts';
import { type DecodeOptions, type RecordSection, recordsOf } from './batch.ts';
import { release } from './compression.ts';
import { type BatchHeader, hasUnknownAttributes, readWhole, verifyCrc } from './header.ts';
import { malformed, type RecordFacts, scanRecord } from './record-bytes.ts';

/** What a topic demands of every record. */
export interface RecordRules extends DecodeOptions {
  /** Records without a key are refused: compaction could not tell what they replace. */
  keyed?: boolean;
  /** Milliseconds since the epoch between which a record's own time must lie; what bears none (-1) is not asked. */
  oldest?: number;
  newest?: number;
}

export interface ValidBatch {
  header: BatchHeader;
  /** The highest of the records' timestamps. The header may say otherwise: Kafka takes such batches and corrects them. */
  maxTimestamp: number;
}

/** What a record bears that bears no time. */
export const NO_TIMESTAMP = -1;
/** Refused records that are told apart at most. */
const MAX_RECORD_ERRORS = 1_000;

/**
 * Checks one whole batch as it came from a producer, to its last record, decompressing it if need be, as Kafka's LogValidator does. What
 * is accepted can be read by every door. What only a topic or a door can judge is left to them: control batches, transactions and
 * LogAppendTime from clients, size.
 *
 * CORRUPT_MESSAGE for a wrong CRC or length and for what does not decompress; INVALID_RECORD for contradictions, and with `records`
 * for those without the key that they need; INVALID_TIMESTAMP with `records` for those whose time is out of bounds; otherwise as
 * `decodeBatch`. All offsets must count from 0, where Kafka writes a compressed batch anew. Allocates nothing per record.
 */
export function validateBatch(bytes: Uint8Array, rules: RecordRules = {}): ValidBatch {
  const header = readWhole(bytes);
  if (!verifyCrc(bytes)) throw new VarveError('CORRUPT_MESSAGE', "A batch's CRC-32C does not match; send it again.");
  validateHeader(header);
  if (hasUnknownAttributes(bytes)) throw malformed('it sets attributes that format 2 does not have');
  return { header, maxTimestamp: validateRecords(bytes, header, rules) };
}

function validateHeader(header: BatchHeader): void {
  const { recordCount, lastOffsetDelta, producerId, producerEpoch, baseSequence } = header;
  if (recordCount < 1) throw malformed(`it holds ${recordCount} records`);
  if (recordCount !== lastOffsetDelta + 1) {
    throw malformed(`it holds ${recordCount} records and its last offset delta is ${lastOffsetDelta}`);
  }
  if (producerId < -1) throw malformed(`its producer id is ${producerId}`);
  // Without a producer id, epoch and sequence mean nothing: clients such as kafkajs leave zeros there.
  if (producerId >= 0 && producerEpoch < 0) throw malformed(`its producer epoch is ${producerEpoch}`);
  if (producerId >= 0 && baseSequence < 0 && !header.control) throw malformed(`its base sequence is ${baseSequence}`);
  if (header.transactional && producerId < 0) throw malformed('it is transactional and has no producer id');
}

function validateRecords(bytes: Uint8Array, header: BatchHeader, rules: RecordRules): number {
  const records = recordsOf(bytes, header, rules.maxDecompressed);
  try {
    return scanRecords(records, header, rules);
  } finally {
    if (header.compression !== 'none') release(records.cursor.bytes);
  }
}

function scanRecords({ cursor, allowance }: RecordSection, header: BatchHeader, rules: RecordRules): number {
  const { keyed = false, oldest = Number.NEGATIVE_INFINITY, newest = Number.POSITIVE_INFINITY } = rules;
  const base = { offset: 0, timestamp: header.baseTimestamp };
  const facts: RecordFacts = { offset: 0, timestamp: 0, hasKey: false };
  const errors: RecordError[] = [];
  let late = false;
  let maxTimestamp = NO_TIMESTAMP;
  for (let index = 0; index < header.recordCount; index++) {
    scanRecord(cursor, base, allowance, facts);
    const { timestamp } = facts;
    if (facts.offset !== index) throw malformed('its offset deltas do not count from 0');
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    if (keyed && !facts.hasKey) {
      refuse(errors, index, 'A topic that is compacted takes no record without a key.');
    } else if (timestamp !== NO_TIMESTAMP && (timestamp < oldest || timestamp > newest)) {
      refuse(errors, index, `Timestamp ${timestamp} is not within [${oldest}, ${newest}].`);
      late = true;
    }
  }
  if (cursor.at !== cursor.end) throw malformed('bytes follow its last record');
  if (errors.length > 0) {
    throw new VarveError(
      late ? 'INVALID_TIMESTAMP' : 'INVALID_RECORD',
      `One or more records were refused, and the batch with them. Record ${errors[0]!.index}: ${errors[0]!.message}`,
      { records: errors },
    );
  }
  return maxTimestamp;
}

function refuse(errors: RecordError[], index: number, message: string): void {
  if (errors.length < MAX_RECORD_ERRORS) errors.push({ index, message });
}
