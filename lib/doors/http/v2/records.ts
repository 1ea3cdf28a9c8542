import type { Context } from 'hono';
import { accepts } from 'hono/accepts';
import { fitting, list } from '../answers.ts';
import type { Door } from '../door.ts';
import { wholeNumber } from '../params.ts';
import { readOnce } from '../read.ts';
import { EMBEDDED_TYPES, embeddedRecord } from './embedded.ts';

/** `?offset&timeout&max_bytes`: the records from there on, as the proxy's consumers give them. Accept chooses the format; binary by default. */
export async function fetchRecords(c: Context, door: Door, topic: string, partition: number): Promise<Response> {
  const { limits, log } = door;
  const asked = wholeNumber(c, 'offset', { max: Number.MAX_SAFE_INTEGER, fallback: -1 });
  const offset = asked === -1 ? (await log.offsets(topic, partition)).earliest : asked;
  const wait = wholeNumber(c, 'timeout', { max: limits.maxWait, fallback: 0 });
  const maxBytes = wholeNumber(c, 'max_bytes', { min: 1, max: limits.maxReadBytes, fallback: 1024 * 1024 });
  const { binary, json } = EMBEDDED_TYPES;
  const type = accepts(c, { header: 'Accept', supports: [binary, json], default: binary });
  const { records } = await readOnce(c, door, topic, partition, offset, { wait, maxBytes });
  const items = records.map((record) => embeddedRecord(topic, partition, record, type === json ? 'json' : 'binary'));
  return list(c, door, '[', items.slice(0, fitting(items, limits.maxAnswerBytes)), ']', type);
}
