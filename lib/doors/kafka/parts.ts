import { setImmediate } from 'node:timers/promises';

/** How many parts of one request are worked on at the same time. */
const FEW = 100;

/**
 * Answers for each part of a request, in order. A frame of a megabyte may have a hundred thousand: all at once they would fill the catalog's
 * queue and the memory, and answered from caches keep everybody else waiting.
 */
export async function fewAtOnce<T, R>(parts: readonly T[], answer: (part: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  for (let from = 0; from < parts.length; from += FEW) {
    if (from > 0) await setImmediate();
    answers.push(...(await Promise.all(parts.slice(from, from + FEW).map(answer))));
  }
  return answers;
}

export function repeatedIn(names: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const name of names) (seen.has(name) ? repeated : seen).add(name);
  return repeated;
}

/** Each partition that is named, once: an answer may be a thousand times as large as what asks for it. */
export function distinctPartitions(
  topics: readonly { name: string; partitionIndexes: readonly number[] }[],
): Map<string, Set<number>> {
  const partitions = new Map(topics.map(({ name }) => [name, new Set<number>()]));
  for (const { name, partitionIndexes } of topics) {
    for (const partition of partitionIndexes) partitions.get(name)!.add(partition);
  }
  return partitions;
}
