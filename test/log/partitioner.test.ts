import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { partitionForKey } from '../../lib/log/partitioner.ts';

/** Written by Kafka's Java client; see JavaClient.java beside it. */
const FIXTURE = new URL('../format/records/fixtures/java-partitions.jsonl', import.meta.url);

interface Row {
  key: string;
  of1: number;
  of6: number;
  of8: number;
  of1000: number;
}

test('a key goes where the Java client sends it', () => {
  const rows: Row[] = readFileSync(FIXTURE, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

  const picked = rows.map(({ key }) => {
    const bytes = Buffer.from(key, 'base64');
    return {
      key,
      of1: partitionForKey(bytes, 1),
      of6: partitionForKey(bytes, 6),
      of8: partitionForKey(bytes, 8),
      of1000: partitionForKey(bytes, 1000),
    };
  });

  expect(rows.length).toBe(200);
  expect(picked).toEqual(rows);
});

test('any key goes to a partition that exists', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 2 ** 31 - 1 }), (key, partitions) => {
      const partition = partitionForKey(key, partitions);
      expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true);
    }),
  );
});
