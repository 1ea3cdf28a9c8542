import type { TimeId } from '../../../ids.ts';
import type { TopicIdPartition } from '../partitions.ts';
import type { DeliveryOf } from '../subscriptions.ts';
import type { Key } from './table.ts';

/** Every key of the table. Offsets are 16 digits so that they sort; they stay below 2^53. */

const offset16 = (offset: number) => offset.toString().padStart(16, '0');
/** Sixteen partition keys a partition hold its chunks. */
export const CHUNK_KEYS = 16;
export const chunks = ({ topicId, partition: p }: TopicIdPartition, n: number) => `chunk#${topicId}#${p}#${n}`;
const partition = ({ topicId, partition: p }: TopicIdPartition) => `partition#${topicId}#${p}`;

/** Sorts before and behind every name. */
export const START = '\u0000';
export const END = '\u{10ffff}';

export const TOPICS = 'topics';
export const GROUPS = 'groups';
export const DELETIONS = 'deletions';
export const SUBSCRIPTIONS = 'subscriptions';

/** Partitions whose committed offsets share an item: 64 keep a commit at one write unit. */
export const BUCKET = 64;

export const key = {
  format: (): Key => ({ pk: 'meta', sk: 'format' }),
  producerIds: (): Key => ({ pk: 'meta', sk: 'producers' }),
  topic: (name: string): Key => ({ pk: TOPICS, sk: name }),
  /** Names the heads that are to be deleted, for whoever finds the work half done. */
  deletion: (topicId: string): Key => ({ pk: DELETIONS, sk: topicId }),

  head: (at: TopicIdPartition): Key => ({ pk: partition(at), sk: 'head' }),
  page: (at: TopicIdPartition, last: number): Key => ({ pk: partition(at), sk: `page#${offset16(last)}` }),
  index: (at: TopicIdPartition, generation: string, last: number): Key => ({
    pk: partition(at),
    sk: `index#${generation}#${offset16(last)}`,
  }),
  producer: (at: TopicIdPartition, producerId: number): Key => ({ pk: partition(at), sk: `producer#${producerId}` }),
  /** Partition keys of their own, so that chunks do not share the write units of the head. */
  chunk: (at: TopicIdPartition, id: TimeId): Key => ({ pk: chunks(at, Number.parseInt(id.slice(-1), 16)), sk: id }),

  /** A sort key cannot be empty, as the id of Kafka's nameless group is. */
  group: (id: string): Key => ({ pk: GROUPS, sk: id || START }),
  groupState: (id: string): Key => ({ pk: `group#${id}`, sk: 'state' }),
  member: (group: string, name: string): Key => ({ pk: `group#${group}`, sk: `member#${name}` }),
  offsets: (group: string, topicId: string, p: number): Key => ({
    pk: `group#${group}`,
    sk: `offsets#${topicId}#${Math.floor(p / BUCKET)}`,
  }),
  /** Topic names hold no `#`. */
  subscription: (topic: string, name: string): Key => ({ pk: SUBSCRIPTIONS, sk: `${topic}#${name}` }),
  delivery: ({ subscription, topicId, partition: p }: DeliveryOf): Key => ({
    pk: `subscription#${subscription}`,
    sk: `${topicId}#${p}`,
  }),
  lease: (name: string): Key => ({ pk: `lease#${name}`, sk: 'lease' }),
};
