import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compactedName, segmentIdOf, segmentName } from '../../../lib/format/segments/names.ts';
import { timeId } from '../../../lib/ids.ts';
import { checkName } from '../../../lib/stores/objects/names.ts';

const id = fc
  .tuple(fc.nat({ max: 4e12 }), fc.uint8Array({ minLength: 10, maxLength: 10 }))
  .map(([time, random]) => timeId(time, () => random));

test('given any id, then its names are valid object names that lead back to it', () => {
  fc.assert(
    fc.property(id, fc.uuid(), fc.nat(), id, (segment, topicId, partition, generation) => {
      for (const name of [segmentName(segment), compactedName({ topicId, partition }, generation, segment)]) {
        checkName(name);
        expect(segmentIdOf(name)).toBe(segment);
      }
    }),
  );
});

test('given ids of one moment, then their names spread over the prefixes', () => {
  const names = Array.from({ length: 256 }, (_, i) =>
    segmentName(timeId(1_700_000_000_000, () => new Uint8Array(10).fill(i))),
  );
  expect(new Set(names.map((name) => name.slice(0, 'segments/ab'.length))).size).toBe(256);
});

test('given two partitions, generations or ids, then compacted names differ', () => {
  const one = 'a'.repeat(32);
  const names = [
    compactedName({ topicId: 't', partition: 1 }, 'g', one),
    compactedName({ topicId: 't', partition: 2 }, 'g', one),
    compactedName({ topicId: 'u', partition: 1 }, 'g', one),
    compactedName({ topicId: 't', partition: 1 }, 'h', one),
    compactedName({ topicId: 't', partition: 1 }, 'g', 'b'.repeat(32)),
  ];
  expect(new Set(names).size).toBe(names.length);
});

test('given what is no segment`s name, then no id', () => {
  const one = `${'0'.repeat(30)}ab`;
  for (const name of [
    '',
    'segments',
    one,
    `segments/${one}`,
    `segments/cd/${one}`,
    `segments/ab/${one}/x`,
    `segments/ab/${one}0`,
    `x/segments/ab/${one}`,
    `segments/ab/${one.toUpperCase()}`,
    `compacted/ab/${one}`,
    `groups/ab/${one}`,
  ]) {
    expect(segmentIdOf(name), name).toBeUndefined();
  }
});
