import { HttpProblem } from '../errors.ts';

/** The offset of the last record that a reader has, by partition; -1 when it has none of a partition that begins at 0. */
export type Positions = Map<number, number>;

/** Of one partition the offset, of a topic a vector such as `0:12,1:7`: what an event carries as its id. */
export function formatPositions(positions: Positions, single: boolean): string {
  if (single) return String([...positions.values()][0]);
  return [...positions].map(([partition, offset]) => `${partition}:${offset}`).join(',');
}

/** What came back as Last-Event-ID. INVALID_PARAMETER when it was not given by a stream like this one. */
export function parsePositions(text: string, partitions: number, single: number | undefined): Positions {
  const positions: Positions = new Map();
  const parts = single === undefined ? text.split(',') : [`${single}:${text}`];
  for (const part of parts) {
    const [, partition, offset] = /^(\d{1,9}):(-1|\d{1,16})$/.exec(part) ?? [];
    const valid = partition !== undefined && Number(partition) < partitions && Number.isSafeInteger(Number(offset));
    if (!valid || positions.has(Number(partition))) {
      throw new HttpProblem('INVALID_PARAMETER', 'Last-Event-ID is not an event id of this stream.');
    }
    positions.set(Number(partition), Number(offset));
  }
  return positions;
}
