import type { TopicIdPartition } from './partitions.ts';

export interface CommittedOffset extends TopicIdPartition {
  /** The topic's name when it was committed, so that a listing need not search for it by id. */
  topic: string;
  /** The next offset that the group will read. */
  offset: number;
  /** At most 4,096 bytes. */
  metadata?: string;
  /** What the reader took for the leader's epoch; the log itself does not look at it (KIP-320). */
  leaderEpoch?: number;
}

export interface ListedGroup {
  /** May be empty. */
  id: string;
  /** What its coordinator kept it with last; absent when none ever did. */
  protocolType?: string;
}

export interface Groups {
  /**
   * Fences: from now on, for these partitions, commits of a lower generation are refused; answers what is committed. `fenced`
   * when a higher generation has claimed one of them.
   */
  claim(
    group: string,
    generation: number,
    partitions: readonly TopicIdPartition[],
  ): Promise<CommittedOffset[] | 'fenced'>;

  /**
   * Commits if no partition named was claimed by a higher generation; `fenced` otherwise. One topic's offsets are committed
   * whole or not at all per 64 partitions. `forward`: an offset that is below the committed one is passed over, each on its own,
   * so that a commit which was given up for lost and takes place late undoes none that came after it.
   */
  commit(
    group: string,
    generation: number,
    offsets: readonly CommittedOffset[],
    options?: { forward?: boolean },
  ): Promise<'committed' | 'fenced'>;

  /**
   * Moves the group on where what is committed is its own fence: commits `to` if `from` is committed (undefined: nothing), whatever
   * the generations, which stay. `moved` when something else is committed by now.
   */
  advance(
    group: string,
    at: Omit<CommittedOffset, 'offset' | 'metadata' | 'leaderEpoch'>,
    from: number | undefined,
    to: number,
  ): Promise<'committed' | 'moved'>;

  /** Forgets what is committed for these partitions, as `commit` would set it; the fences stay. */
  forget(group: string, generation: number, partitions: readonly TopicIdPartition[]): Promise<'forgotten' | 'fenced'>;

  /** What is committed, of these partitions or of all. */
  offsets(group: string, partitions?: readonly TopicIdPartition[]): Promise<CommittedOffset[]>;

  /**
   * Keeps what a coordinator must know when it begins anew, in place of what was kept; at most 300 KB. `fenced` when a higher
   * generation has kept something. The group is listed from then on, with the protocol type of its members.
   */
  keep(group: string, generation: number, state: Uint8Array, protocolType: string): Promise<'kept' | 'fenced'>;

  /** What was kept last; from now on a lower generation keeps nothing. `fenced` when a higher one has been here. */
  kept(group: string, generation: number): Promise<Uint8Array | undefined | 'fenced'>;

  /** Up to `limit` (default 1000) groups that ever claimed, committed or kept something, with ids that sort after `after`, in order. */
  list(options?: { after?: string; limit?: number }): Promise<ListedGroup[]>;

  /** One of them. */
  find(group: string): Promise<ListedGroup | undefined>;

  /** Forgets the group, its offsets, its instances and what was kept. False when there is no such group. */
  delete(group: string): Promise<boolean>;
}
