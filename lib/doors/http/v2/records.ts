import type { Context } from 'hono';
import { accepts } from 'hono/accepts';
import type { LogRecord } from '../../../format/records/record.ts';
import { fitting, list } from '../answers.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { wholeNumber } from '../params.ts';
import { readOnce } from '../read.ts';
import { base64Of, jsonTextOf } from '../record-json.ts';

const BINARY = 'application/vnd.kafka.binary.v2+json';
const JSON_FORMAT = 'application/vnd.kafka.json.v2+json';

/** `?offset&timeout&max_bytes`: the records from there on, as the proxy's consumers give them. Accept chooses the format; binary by default. */
export async function fetchRecords(c: Context, door: Door, topic: string, partition: number): Promise<Response> {
  const { limits, log } = door;
  const asked = wholeNumber(c, 'offset', { max: Number.MAX_SAFE_INTEGER, fallback: -1 });
  const offset = asked === -1 ? (await log.offsets(topic, partition)).earliest : asked;
  const wait = wholeNumber(c, 'timeout', { max: limits.maxWait, fallback: 0 });
  const maxBytes = wholeNumber(c, 'max_bytes', { min: 1, max: limits.maxReadBytes, fallback: 1024 * 1024 });
  const format = accepts(c, { header: 'Accept', supports: [BINARY, JSON_FORMAT], default: BINARY });
  const { records } = await readOnce(c, door, topic, partition, offset, { wait, maxBytes });
  const data = format === JSON_FORMAT ? asJson : asBase64;
  const items = records.map(
    (record) =>
      `{"topic":${JSON.stringify(topic)},"key":${data(record.key, record)},"value":${data(record.value, record)},` +
      `"partition":${partition},"offset":${record.offset},"timestamp":${record.timestamp}${headersOf(record)}}`,
  );
  return list(c, door, '[', items.slice(0, fitting(items, limits.maxAnswerBytes)), ']', format);
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
    `The record at offset ${record.offset} is not JSON; ask for it as ${BINARY}.`,
  );
}

function headersOf({ headers }: LogRecord): string {
  if (headers.length === 0) return '';
  const list = headers.map(({ key, value }) => `{"name":${JSON.stringify(key)},"value":${asBase64(value)}}`);
  return `,"headers":[${list.join(',')}]`;
}
