import type { LogRecord } from '../../../format/records/record.ts';
import { HttpProblem } from '../errors.ts';
import { base64Of, jsonTextOf } from '../record-json.ts';

/** How keys and values lie in the proxy's JSON, and the content type that says so. */
export type Embedded = 'binary' | 'json';

export const EMBEDDED_TYPES = {
  binary: 'application/vnd.kafka.binary.v2+json',
  json: 'application/vnd.kafka.json.v2+json',
} as const satisfies Record<Embedded, string>;

/** A record as the proxy's consumers give it. FORMAT_MISMATCH when it is not JSON and is to be. */
export function embeddedRecord(topic: string, partition: number, record: LogRecord, format: Embedded): string {
  const data = format === 'json' ? asJson : asBase64;
  return (
    `{"topic":${JSON.stringify(topic)},"key":${data(record.key, record)},"value":${data(record.value, record)},` +
    `"partition":${partition},"offset":${record.offset},"timestamp":${record.timestamp}${headersOf(record)}}`
  );
}

function asBase64(bytes: Uint8Array | null): string {
  return bytes === null ? 'null' : `"${base64Of(bytes)}"`;
}

function asJson(bytes: Uint8Array | null, record: LogRecord): string {
  if (bytes === null) return 'null';
  const text = jsonTextOf(bytes);
  if (text !== undefined) return text;
  throw new HttpProblem(
    'FORMAT_MISMATCH',
    `The record at offset ${record.offset} is not JSON; ask for it as ${EMBEDDED_TYPES.binary}.`,
  );
}

function headersOf({ headers }: LogRecord): string {
  if (headers.length === 0) return '';
  const list = headers.map(({ key, value }) => `{"name":${JSON.stringify(key)},"value":${asBase64(value)}}`);
  return `,"headers":[${list.join(',')}]`;
}
