import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeRanges } from '../../../lib/format/segments/plan.ts';

test('given ranges that adjoin, overlap or lie close, then one read; given a wide gap, then two', () => {
  const ranges = [
    { start: 100, length: 50 },
    { start: 0, length: 40 },
    { start: 40, length: 10 },
    { start: 45, length: 20 },
    { start: 75, length: 5 },
  ];
  expect(mergeRanges(ranges, 10, 1_000)).toEqual([
    { range: { start: 0, length: 80 }, members: [1, 2, 3, 4] },
    { range: { start: 100, length: 50 }, members: [0] },
  ]);
});

test('given ranges that together are too long, then several reads; given one that is too long alone, then one of its own', () => {
  const ranges = [
    { start: 0, length: 60 },
    { start: 60, length: 60 },
    { start: 120, length: 300 },
    { start: 200, length: 10 },
    { start: 420, length: 10 },
  ];
  expect(mergeRanges(ranges, 0, 100)).toEqual([
    { range: { start: 0, length: 60 }, members: [0] },
    { range: { start: 60, length: 60 }, members: [1] },
    { range: { start: 120, length: 300 }, members: [2, 3] },
    { range: { start: 420, length: 10 }, members: [4] },
  ]);
});

test('given any ranges, then every one is covered once, reads rise, stay within the length, and waste no gap beyond the limit', () => {
  const range = fc.record({ start: fc.nat({ max: 2_000 }), length: fc.nat({ max: 300 }) });
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 50 }),
      fc.nat({ max: 50 }),
      fc.nat({ max: 500 }),
      (ranges, gap, longest) => {
        const reads = mergeRanges(ranges, gap, longest);
        expect(reads.flatMap((read) => read.members).sort((a, b) => a - b)).toEqual(ranges.map((_, i) => i));
        for (const [i, { range: read, members }] of reads.entries()) {
          const own = members.map((member) => ranges[member]!);
          expect(read.start).toBe(Math.min(...own.map((each) => each.start)));
          expect(read.start + read.length).toBe(Math.max(...own.map((each) => each.start + each.length)));
          expect(read.length).toBeLessThanOrEqual(Math.max(longest, ...own.map((each) => each.length)));
          let covered = read.start;
          for (const each of own) {
            expect(each.start - covered).toBeLessThanOrEqual(gap);
            covered = Math.max(covered, each.start + each.length);
          }
          if (i > 0) expect(read.start).toBeGreaterThanOrEqual(reads[i - 1]!.range.start);
        }
      },
    ),
  );
});
