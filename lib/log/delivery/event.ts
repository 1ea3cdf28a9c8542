import type { LogRecord } from '../../format/records/record.ts';

/** What a function gets: Lambda's event for a self-managed Kafka cluster. Keys, values and headers are as they were appended. */
export interface KafkaEvent {
  eventSource: 'SelfManagedKafka';
  bootstrapServers: string;
  /** By `TOPIC-PARTITION`. */
  records: Record<string, KafkaEventRecord[]>;
}

export interface KafkaEventRecord {
  topic: string;
  partition: number;
  offset: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
  /** Always the first; the type is Lambda's, so that functions fit which are written for that. */
  timestampType: 'CREATE_TIME' | 'LOG_APPEND_TIME';
  /** Base64; absent where the record has none. */
  key?: string;
  value?: string;
  /** One name each; the bytes as numbers from 0 to 255. */
  headers: Record<string, number[]>[];
}

/** Lambda takes 6 MB (6,291,556 bytes) of a request; this leaves room for what is around the records. */
export const MAX_EVENT_BYTES = 6_000_000;

/** The event of as many of the records as `most` bytes hold, from the first on: none when the first is too large by itself. */
export function eventOf(
  topic: string,
  partition: number,
  records: readonly LogRecord[],
  most = MAX_EVENT_BYTES,
): { event: KafkaEvent; count: number } {
  const within: KafkaEventRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    // What cannot fit is not written out to find that.
    if (sizeOf(record) > most) break;
    const one = recordOf(topic, partition, record);
    bytes += Buffer.byteLength(JSON.stringify(one)) + 1;
    if (bytes > most) break;
    within.push(one);
  }
  // Nobody can be asked there: whoever reads the record again does it at the log's own doors.
  const event: KafkaEvent = {
    eventSource: 'SelfManagedKafka',
    bootstrapServers: 'varve:9092',
    records: { [`${topic}-${partition}`]: within },
  };
  return { event, count: within.length };
}

function recordOf(topic: string, partition: number, record: LogRecord): KafkaEventRecord {
  const { offset, timestamp, key, value, headers } = record;
  return {
    topic,
    partition,
    offset,
    timestamp,
    timestampType: 'CREATE_TIME',
    ...(key && { key: base64(key) }),
    ...(value && { value: base64(value) }),
    headers: headers.map((header) => ({ [header.key]: [...(header.value ?? [])] })),
  };
}

/** At least. */
function sizeOf({ key, value, headers }: LogRecord): number {
  const carried = headers.reduce((sum, header) => sum + 2 * (header.value?.length ?? 0), 0);
  return ((key?.length ?? 0) + (value?.length ?? 0)) * (4 / 3) + carried;
}

function base64({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('base64');
}
