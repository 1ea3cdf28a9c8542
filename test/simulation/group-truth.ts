import type { LogRecord } from '../../lib/format/records/record.ts';
import type { CommittedOffset } from '../../lib/stores/catalog/groups.ts';
import type { TopicIdPartition } from '../../lib/stores/catalog/partitions.ts';
import { nameOf } from './payload.ts';
import { describe, logStartAt, type PartitionTruth, type Truth } from './truth.ts';
import type { Check } from './verdict.ts';

/** What groups claimed, committed and were handed. */
export interface GroupTruth {
  claimed(
    group: string,
    generation: number,
    partitions: readonly TopicIdPartition[],
    committed: readonly CommittedOffset[],
  ): void;
  /** `forward`: what lies below the committed offset is passed over. */
  committed(group: string, generation: number, offsets: readonly CommittedOffset[], forward: boolean): void;
  /** A consumer was handed records. */
  delivered(group: string, consumer: string, topic: string, partition: number, records: readonly LogRecord[]): void;
  /** The committed offset; undefined when there is none. */
  offset(group: string, of: TopicIdPartition): number | undefined;
}

interface Progress {
  generation: number;
  committed?: number;
  delivered: Set<number>;
  /** How often the partition was claimed. */
  claims: number;
  /** Of the last consumer that was handed something: what comes next, and the claims by then. */
  last?: { consumer: string; next: number; claims: number };
}

export interface GroupTruthDeps {
  truth: Truth;
  now(): number;
  violate(check: Check, detail: string): void;
  note(line: string): void;
  count(what: string): void;
}

export function createGroupTruth({ truth, now, violate, note, count }: GroupTruthDeps): GroupTruth {
  const all = new Map<string, Progress>();

  function progressOf(group: string, { topicId, partition }: TopicIdPartition): Progress {
    const key = `${group}/${topicId}#${partition}`;
    const progress = all.get(key) ?? { generation: 0, delivered: new Set(), claims: 0 };
    all.set(key, progress);
    return progress;
  }

  /** Every offset from `from` to `to` was delivered, or deleted. */
  function checkDelivered(group: string, at: PartitionTruth, progress: Progress, from: number, to: number): void {
    for (let offset = Math.max(from, logStartAt(at, now())); offset < to; offset++) {
      if (progress.delivered.has(offset)) continue;
      violate('nothing skipped', `${group} committed ${to} in ${describe(at)}, ${offset} was never delivered`);
      return;
    }
  }

  return {
    claimed(group, generation, partitions, committed) {
      count('group claims');
      for (const of of partitions) {
        const progress = progressOf(group, of);
        if (generation < progress.generation) {
          violate('offsets never go back', `generation ${generation} of ${group} claimed after ${progress.generation}`);
        }
        progress.generation = generation;
        progress.claims++;
        const told = committed.find(({ topicId, partition }) => topicId === of.topicId && partition === of.partition);
        if (told?.offset !== progress.committed) {
          violate('offsets never go back', `${group} was told ${told?.offset}, committed is ${progress.committed}`);
        }
        note(`${group} generation ${generation} claimed ${of.topicId.slice(0, 4)}[${of.partition}] at ${told?.offset}`);
      }
    },

    committed(group, generation, offsets, forward) {
      for (const { offset, ...of } of offsets) {
        const progress = progressOf(group, of);
        const at = truth.partition(of);
        note(`${group} generation ${generation} committed ${offset} in ${of.topicId.slice(0, 4)}[${of.partition}]`);
        count('group commits');
        if (!at) continue;
        if (generation < progress.generation) {
          violate(
            'offsets never go back',
            `generation ${generation} of ${group} committed after ${progress.generation}`,
          );
        }
        const before = progress.committed ?? 0;
        if (forward && offset < before) {
          count('group commits that came late');
          continue;
        }
        if (offset < before) {
          violate('offsets never go back', `${group} committed ${offset} after ${before} in ${describe(at)}`);
        }
        checkDelivered(group, at, progress, before, offset);
        progress.committed = offset;
      }
    },

    delivered(group, consumer, topic, partition, records) {
      const first = records[0]!;
      const place = truth.places(nameOf(first) ?? '').find((one) => one.offset === first.offset);
      const at = place?.partition;
      if (!at || at.topic !== topic || at.partition !== partition) {
        violate(
          'reads are true',
          `${group} was handed record ${first.offset} of ${topic}[${partition}], which is not there`,
        );
        return;
      }
      for (const [i, record] of records.entries()) {
        if (record.offset === first.offset + i && at.records[record.offset]?.name === nameOf(record)) continue;
        violate('delivered in order', `${group} was handed ${record.offset} as record ${i} from ${first.offset} on`);
        return;
      }
      const progress = progressOf(group, at);
      const { last, claims } = progress;
      // A claim since means that the group changed hands: the new owner begins where the last commit was.
      if (last?.consumer === consumer && last.claims === claims) {
        const passedDeleted = first.offset > last.next && first.offset <= logStartAt(at, now());
        if (first.offset !== last.next && !passedDeleted) {
          violate('delivered in order', `${consumer} was handed ${first.offset} of ${describe(at)} after ${last.next}`);
        }
      }
      for (const { offset } of records) progress.delivered.add(offset);
      progress.last = { consumer, next: first.offset + records.length, claims };
      count('batches delivered');
    },

    offset: (group, of) => progressOf(group, of).committed,
  };
}
