import type { Client, WireRecord } from './program.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
/** Larger than the blocks that codecs work in. */
const LONG = base64('What compresses well, and is long. '.repeat(6_000));
const BYTES = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('base64');

/** Records of every kind that this client can carry, in two partitions. */
export function samples({ lacks }: Pick<Client, 'lacks'>): WireRecord[] {
  const plain = { key: base64('key'), value: base64('value'), headers: [] };
  const kinds: Omit<WireRecord, 'partition' | 'timestamp'>[] = [
    plain,
    { ...plain, key: null },
    { ...plain, value: null },
    { ...plain, value: '' },
    { ...plain, value: LONG },
    { ...plain, key: BYTES, value: BYTES },
    {
      ...plain,
      headers: [
        ['name', base64('value')],
        ['näme', BYTES],
        ['empty', ''],
      ],
    },
  ];
  if (!lacks.includes('empty keys')) kinds.push({ ...plain, key: '' });
  if (!lacks.includes('null header values')) kinds.push({ ...plain, headers: [['none', null]] });
  if (!lacks.includes('repeated headers'))
    kinds.push({
      ...plain,
      headers: [
        ['again', base64('1')],
        ['again', base64('2')],
      ],
    });
  const begun = Date.now() - 60_000;
  return [0, 1].flatMap((partition) => kinds.map((kind, i) => ({ partition, timestamp: begun + i, ...kind })));
}
