import type { LogRecord, RecordHeader } from '../../format/records/record.ts';

/** Whatever the bytes are, a byte order mark included, or an error. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A record as JSON text. Key and headers are strings; the value is the JSON that it is, to the letter, else a string; bytes that
 * are not UTF-8 come as base64 under `key_base64`, `value_base64` and `headers_base64`.
 */
export function recordJson(partition: number, record: LogRecord): string {
  const fields = [
    `"partition":${partition},"offset":${record.offset},"timestamp":${record.timestamp}`,
    keyField(record.key),
    valueField(record.value),
  ];
  if (record.headers.length > 0) fields.push(headerFields(record.headers));
  return `{${fields.join(',')}}`;
}

/** The bytes as text, undefined when they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The bytes as the JSON text that they are, undefined when they are none. */
export function jsonTextOf(bytes: Uint8Array): string | undefined {
  const text = textOf(bytes);
  return text !== undefined && isJson(text) ? text : undefined;
}

export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function keyField(key: Uint8Array | null): string {
  if (key === null) return '"key":null';
  const text = textOf(key);
  return text === undefined ? `"key_base64":"${base64Of(key)}"` : `"key":${JSON.stringify(text)}`;
}

function valueField(value: Uint8Array | null): string {
  if (value === null) return '"value":null';
  const text = textOf(value);
  // Null means that there is no value: the JSON text that says so has to come as its bytes.
  if (text === undefined || text.trim() === 'null') return `"value_base64":"${base64Of(value)}"`;
  return `"value":${isJson(text) ? text : JSON.stringify(text)}`;
}

/** A header that comes more than once has a list of values. */
function headerFields(headers: readonly RecordHeader[]): string {
  const text: [string, string | null | (string | null)[]][] = [];
  const bytes: [string, string | null | (string | null)[]][] = [];
  for (const [key, group] of Map.groupBy(headers, (header) => header.key)) {
    const values = group.map(({ value }) => (value === null ? null : textOf(value)));
    const single = <T>(list: T[]) => (list.length === 1 ? list[0]! : list);
    if (values.every((value) => value !== undefined)) text.push([key, single(values)]);
    else bytes.push([key, single(group.map(({ value }) => (value === null ? null : base64Of(value))))]);
  }
  const fields = [`"headers":${JSON.stringify(Object.fromEntries(text))}`];
  if (bytes.length > 0) fields.push(`"headers_base64":${JSON.stringify(Object.fromEntries(bytes))}`);
  return fields.join(',');
}
