import type { LogRecord } from '../../lib/format/records/record.ts';
import type { AppendRecord } from '../../lib/log/event-log.ts';

/** What a client appends: its value begins with a name that no other record of the run has. */
export interface Payload {
  name: string;
  topic: string;
  partition: number;
  timestamp: number;
  record: AppendRecord;
}

const END = '|';

export function createPayload(
  name: string,
  to: { topic: string; partition: number; timestamp: number; size: number },
): Payload {
  const { topic, partition, timestamp, size } = to;
  const value = `${name}${END}`.padEnd(size, '.');
  const record = { key: name, value, timestamp, partition, headers: [{ key: 'size', value: String(value.length) }] };
  return { name, topic, partition, timestamp, record };
}

/** Undefined when no client made it. */
export function nameOf(record: LogRecord): string | undefined {
  const text = textOf(record.value);
  const end = text?.indexOf(END) ?? -1;
  return end < 0 ? undefined : text!.slice(0, end);
}

/** Whether the record is the payload, in all its parts. */
export function isSame(record: LogRecord, { record: sent, timestamp }: Payload): boolean {
  return (
    textOf(record.value) === sent.value &&
    textOf(record.key) === sent.key &&
    record.timestamp === timestamp &&
    record.headers.length === 1 &&
    textOf(record.headers[0]!.value) === String((sent.value as string).length)
  );
}

function textOf(bytes: Uint8Array | null): string | undefined {
  return bytes === null ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
