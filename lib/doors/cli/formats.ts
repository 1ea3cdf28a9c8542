import type { ReadRecord } from '../../client/client.ts';
import { plain } from './table.ts';

export const FORMATS = ['json', 'value', 'table'] as const;
export type Format = (typeof FORMATS)[number];

/** Makes the text of some records, line by line. */
export type Formatter = (records: readonly ReadRecord[]) => string;

/** `columns`: characters in a line of the terminal. */
export function formatter(format: Format, columns: number): Formatter {
  const line = format === 'table' ? tableLine(columns) : format === 'json' ? JSON.stringify : valueLine;
  let head = format === 'table' ? `${HEAD}\n` : '';
  return (records) => {
    const text = head + records.map((record) => `${line(record)}\n`).join('');
    head = '';
    return text;
  };
}

/** The value as JSON on one line: bytes that are not text as base64, in quotes. */
function valueLine({ value, value_base64 }: ReadRecord): string {
  return JSON.stringify(value_base64 ?? value ?? null);
}

/** Widths that records do not outgrow soon; a stream of them has no last row to measure. */
const WIDTHS = { partition: 9, offset: 12, timestamp: 24, key: 24 };
const HEAD = [
  'PARTITION'.padStart(WIDTHS.partition),
  'OFFSET'.padStart(WIDTHS.offset),
  'TIMESTAMP'.padEnd(WIDTHS.timestamp),
  'KEY'.padEnd(WIDTHS.key),
  'VALUE',
].join('  ');
const VALUE_AT = WIDTHS.partition + WIDTHS.offset + WIDTHS.timestamp + WIDTHS.key + 8;
const MIN_VALUE = 20;

function tableLine(columns: number): (record: ReadRecord) => string {
  const width = Math.max(MIN_VALUE, columns - VALUE_AT);
  return ({ partition, offset, timestamp, key, key_base64, ...content }) =>
    [
      String(partition).padStart(WIDTHS.partition),
      String(offset).padStart(WIDTHS.offset),
      timeText(timestamp).padEnd(WIDTHS.timestamp),
      cut(plain(key_base64 ?? key ?? ''), WIDTHS.key).padEnd(WIDTHS.key),
      cut(plain(valueLine({ partition, offset, timestamp, ...content })), width),
    ].join('  ');
}

/** Whatever a producer set as time, Kafka's -1 for none included. */
function timeText(timestamp: number): string {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) || timestamp < 0 ? String(timestamp) : date.toISOString();
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
