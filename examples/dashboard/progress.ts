import type { Client, GroupLag } from 'varve/client';

/** How far a group is with a topic. */
export interface Progress {
  group: string;
  topic: string;
  partitions: readonly GroupLag[];
  /** Records a second since it was looked before; undefined the first time. */
  rate: number | undefined;
}

/** Looks how far groups are. `now`: milliseconds, by any clock that never goes back. */
export function createProgress(log: Client, groups: readonly string[], now: () => number): () => Promise<Progress[]> {
  const before = new Map<string, { at: number; offset: number }>();

  async function look(group: string): Promise<Progress[]> {
    // A group that has committed nothing yet is none.
    const offsets = await log.groups.offsets(group).catch(() => []);
    return [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, partitions]) => {
      const at = now();
      const offset = partitions.reduce((sum, one) => sum + one.offset, 0);
      const last = before.get(`${group}/${topic}`);
      before.set(`${group}/${topic}`, { at, offset });
      return { group, topic, partitions, rate: last && ((offset - last.offset) / (at - last.at)) * 1000 };
    });
  }

  return async () => (await Promise.all(groups.map(look))).flat();
}
