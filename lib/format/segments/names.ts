import type { TimeId } from '../../ids.ts';

const LEVEL_0 = /^segments\/[0-9a-f]{2}\/([0-9a-f]{32})$/;
const LEVEL_1 = /^compacted\/[0-9a-f]{2}\/[A-Za-z0-9._-]+_\d+_[A-Za-z0-9._-]+_([0-9a-f]{32})$/;

/**
 * The two last hex digits of the id, which are random: request rates spread over 256 prefixes, a folder tree stays at a fixed
 * number of folders, and within a prefix names sort by time.
 */
function prefixOf(id: TimeId): string {
  return id.slice(-2);
}

/** The object that holds level-0 segment `id`. */
export function segmentName(id: TimeId): string {
  return `segments/${prefixOf(id)}/${id}`;
}

/** The object that holds level-1 segment `id` of a partition. Topic id and generation consist of `[A-Za-z0-9._-]`. */
export function compactedName(of: { topicId: string; partition: number }, generation: string, id: TimeId): string {
  return `compacted/${prefixOf(id)}/${of.topicId}_${of.partition}_${generation}_${id}`;
}

/** The segment, of either level, that an object's name stands for; undefined when it is no segment's name. */
export function segmentIdOf(name: string): TimeId | undefined {
  const id = (LEVEL_0.exec(name) ?? LEVEL_1.exec(name))?.[1];
  return id !== undefined && name.split('/')[1] === prefixOf(id) ? id : undefined;
}
