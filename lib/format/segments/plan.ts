/** Bytes of an object. */
export interface Range {
  start: number;
  length: number;
}

/**
 * Which reads to make so that every range is covered: ranges that overlap, adjoin or lie at most `maxGap` bytes apart become
 * one, as long as it stays within `maxLength` bytes or grows by nothing. A range longer than that is read on its own, whole.
 * `members` are indices into `ranges`; each appears once. Reads come in the order of their starts.
 */
export function mergeRanges(
  ranges: readonly Range[],
  maxGap: number,
  maxLength: number,
): { range: Range; members: number[] }[] {
  const order = ranges.map((_, index) => index).sort((a, b) => ranges[a]!.start - ranges[b]!.start);
  const reads: { range: Range; members: number[] }[] = [];
  for (const index of order) {
    const { start, length } = ranges[index]!;
    const last = reads.at(-1);
    if (last !== undefined) {
      const end = last.range.start + last.range.length;
      const joined = Math.max(end, start + length) - last.range.start;
      if (joined === last.range.length || (start - end <= maxGap && joined <= maxLength)) {
        last.range.length = joined;
        last.members.push(index);
        continue;
      }
    }
    reads.push({ range: { start, length }, members: [index] });
  }
  return reads;
}
