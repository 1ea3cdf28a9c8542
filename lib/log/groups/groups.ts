import type { VarveError } from '../../errors.ts';
import type { ListedGroup } from '../../stores/catalog/groups.ts';

export interface GroupPartition {
  topic: string;
  partition: number;
  /** The topic's: for one of that name with another id UNKNOWN_TOPIC_ID is said. */
  topicId?: string;
}

/** What a group has committed for one partition. */
export interface GroupOffset extends GroupPartition {
  /** The next offset that the group will read. */
  offset: number;
  metadata?: string;
  /** The epoch of the leader that a Kafka client had read from, as it said; kept and given back. */
  leaderEpoch?: number;
}

export interface GroupLag extends GroupOffset {
  latest: number;
  /** Records between the committed offset, or the log start if that is higher, and the high watermark. */
  lag: number;
}

/** A member of a group, as administrators see it. */
export interface DescribedMember {
  id: string;
  /** Of a static member (KIP-345). */
  instanceId?: string;
  /** What it calls itself, and where it is; empty of members that no coordinator leads. */
  clientId: string;
  host: string;
  /** What it reads. */
  partitions: readonly GroupPartition[];
}

export interface GroupDescription {
  id: string;
  /** In Kafka's words. Unknown: another process coordinates it, and only that one knows its members. */
  state: 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead' | 'Unknown';
  /** `consumer` of consumers; empty of a group that has offsets and never had members of Kafka's protocol. */
  protocolType: string;
  /** How its members share partitions, by the name that they agreed on; empty when they did not. */
  assignor: string;
  members: readonly DescribedMember[];
}

/**
 * A group that this process coordinates: consumers of the library and other coordinators stay out until it is released, or its
 * process falls silent.
 */
export interface HeldGroup {
  /** Aborts when it was lost or released: whatever is asked then is ILLEGAL_GENERATION. */
  readonly lost: AbortSignal;
  /**
   * Commits what can be, whatever the partitions' ranges: for each offset an error, or undefined. Rejects when nothing was, or
   * nobody knows.
   */
  commit(offsets: readonly GroupOffset[]): Promise<(VarveError | undefined)[]>;
  /** Keeps what must be known of the group when it begins anew elsewhere, at most 300 KB, and lists it with its members' protocol type. */
  keep(state: Uint8Array, protocolType: string): Promise<void>;
  /** What was kept last, by whomever: nobody who held the group before keeps anything from now on. */
  kept(): Promise<Uint8Array | undefined>;
  /** Forgets offsets; for each of these an error, or undefined. */
  forget(partitions: readonly GroupPartition[]): Promise<(VarveError | undefined)[]>;
  /** False when there is no such group. */
  delete(): Promise<boolean>;
  release(): Promise<void>;
}

export interface CoordinatorCallbacks {
  /** Called when another process is found to have the same slot. */
  onDisplaced?(): void;
  /** A group, if the coordinator holds it. */
  describe?(group: string): GroupDescription | undefined;
}

/** All that it holds hangs on one lease: it costs as much for one group as for thousands. */
export interface GroupCoordinator {
  /** Takes the group, or the nameless one (''); NON_EMPTY_GROUP while somebody else has it. */
  hold(group: string): Promise<HeldGroup>;
  /** As GroupAdmin's, with topics' ids, and of the nameless group. */
  offsets(group: string): Promise<GroupOffset[]>;
  /** As GroupAdmin's, with protocol types. */
  list(options?: { after?: string; limit?: number }): Promise<ListedGroup[]>;
  /** One of them. */
  find(group: string): Promise<ListedGroup | undefined>;
}

/**
 * Group ids are 1 to 255 bytes of UTF-8 without control characters (INVALID_GROUP_ID). A nameless group is listed as '' when Kafka
 * clients without a group have committed; only a coordinator can do anything with it.
 */
export interface GroupAdmin {
  /** Up to `limit` (default 1000, at most 10,000) group ids sorting after `after`. */
  list(options?: { after?: string; limit?: number }): Promise<string[]>;
  /** GROUP_ID_NOT_FOUND when the group never committed. Offsets of deleted topics are left out. */
  offsets(group: string): Promise<GroupOffset[]>;
  lag(group: string): Promise<GroupLag[]>;
  /** Who is in it. GROUP_ID_NOT_FOUND when it has no members and never committed. */
  describe(group: string): Promise<GroupDescription>;
  /** Sets offsets; an offset outside the partition's range is OFFSET_OUT_OF_RANGE. NON_EMPTY_GROUP while a consumer runs. */
  commit(group: string, offsets: readonly GroupOffset[]): Promise<void>;
  /** This process as a coordinator, by the number of its slot: no two that live may have the same. */
  coordinateAs(slot: number, callbacks?: CoordinatorCallbacks): GroupCoordinator;
  /** NON_EMPTY_GROUP while a consumer runs, GROUP_ID_NOT_FOUND when there is no such group. */
  delete(group: string): Promise<void>;
}
