import pLimit from 'p-limit';
import { type Clock, sleep } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import { partitionKey } from '../../stores/catalog/partitions.ts';
import type { Heads } from '../heads.ts';
import type { Reader } from '../reader.ts';
import { claim, ownPartitions } from './claim.ts';
import type { ConsumedBatch, ConsumerOptions } from './consumer.ts';
import type { GroupPartition } from './groups.ts';
import { createLane, type Lane } from './lane.ts';
import type { GroupMember } from './member.ts';
import { kept } from './plan.ts';
import { createTurns } from './turns.ts';

export interface SessionDeps {
  catalog: Pick<Catalog, 'groups'>;
  reader: Pick<Reader, 'poll' | 'offsetAt'>;
  heads: Pick<Heads, 'get' | 'wait'>;
  clock: Clock;
}

/** What a consumer does while it is a member of its group: reads the partitions that are its own from the committed offsets on, and commits. */
export interface Session {
  /** Reads until the signal aborts or the membership is lost; rejects with what cannot be overcome by trying again. */
  run(): Promise<void>;
  /** The next batch that was read, if there is one and the membership can be relied on. What was taken before it is done with. */
  take(): ConsumedBatch | undefined;
  assignment(): GroupPartition[];
  /** The lane of a partition that is the member's own. */
  lane(of: GroupPartition): Lane | undefined;
  /** Resolves when the commits that were asked for are decided. */
  settled(): Promise<void>;
}

/** Batches that wait for the caller, of all partitions together. */
const BATCHES_READY = 16;
const LOOK_UPS_AT_ONCE = 16;
const RETRY_MS = 200;

export function createSession(
  deps: SessionDeps,
  options: Required<Omit<ConsumerOptions, 'signal'>>,
  member: GroupMember,
  signal: AbortSignal,
  onReady: () => void,
): Session {
  const { groups } = deps.catalog;
  const { clock } = deps;
  const { group } = options;
  const lanes = new Map<string, Lane>();
  const failed = new AbortController();
  const ending = AbortSignal.any([signal, member.lost, failed.signal]);
  const turns = createTurns<Lane>(BATCHES_READY);
  const lookUps = pLimit(LOOK_UPS_AT_ONCE);
  /** The generation under which this member has claimed its partitions. */
  let claimed = -1;
  let claims = Promise.withResolvers<void>();
  /** Whose batch the caller was handed last. */
  let inHand: Lane | undefined;
  let handedBack = Promise.withResolvers<void>();

  /** Takes up what the plan gives it, and lets go of what is no longer its own. False when a later plan already holds. */
  async function adopt(): Promise<boolean> {
    const { generation, plan } = member.view();
    const own = member.own();
    const wanted = new Map(ownPartitions(plan, member.id).map((one) => [partitionKey(one), one]));
    const reading = kept(own);
    for (const [key, lane] of lanes) {
      if (!wanted.has(key)) {
        lane.end();
        lanes.delete(key);
      } else if (!reading.get(lane.topic)?.includes(lane.of.partition)) lane.stop();
    }

    const committed = await claim(groups, group, generation, [...wanted.values()]);
    if (!committed) return false;
    if (ending.aborted) return true;
    for (const [key, { topic, partition, topicId, isNew }] of wanted) {
      if (!reading.get(topic)?.includes(partition)) continue;
      const lane = lanes.get(key);
      if (lane && !lane.isOver()) lane.goOn(committed.get(key));
      else begin(key, topic, { topicId, partition }, committed.get(key), isNew);
    }
    claimed = generation;
    claims.resolve();
    claims = Promise.withResolvers();
    if (own.gives.size > 0) void giveUp(generation);
    return true;
  }

  function begin(key: string, topic: string, of: Lane['of'], committed: number | undefined, isNew: boolean): void {
    const onGone = () => void member.refresh({ topics: true });
    const lane = createLane(
      { ...deps, lookUps, turns, commit, onReady, onGone, onFailure: (error) => failed.abort(error) },
      // What comes while the group runs holds nothing that was there before: all of it is new.
      { topic, of, committed, reset: isNew ? 'earliest' : options.autoOffsetReset, maxRecords: options.maxRecords },
      ending,
    );
    lanes.set(key, lane);
  }

  /** Tells the group, once the caller is done with what it was handed of the partitions that are to be given up. */
  async function giveUp(generation: number): Promise<void> {
    const isCurrent = () => member.view().generation === generation && !ending.aborted;
    const { gives } = member.own();
    const leaving = [...lanes.values()].filter(({ topic, of }) => gives.get(topic)?.includes(of.partition));
    const isOver = member.changed(generation, ending);
    while (isCurrent() && inHand && leaving.includes(inHand)) await Promise.race([handedBack.promise, isOver]);
    await Promise.all(leaving.map((lane) => lane.settled()));
    if (!isCurrent()) return;
    for (const lane of leaving) lane.end();
    await member.refresh({ released: true });
  }

  /**
   * Commits for a lane. Fenced, it looks whether the group only has a later generation by now, in which the partition is still its
   * own, and then tries again under that.
   */
  async function commit(lane: Lane, offset: number, forward: boolean): Promise<void> {
    for (;;) {
      if (lane.isOver() || !member.holds()) throw illegalGeneration(group);
      const generation = claimed;
      const outcome = await groups.commit(group, generation, [{ topic: lane.topic, ...lane.of, offset }], { forward });
      if (outcome === 'committed') return;
      if (ending.aborted) throw illegalGeneration(group);
      const { promise } = claims;
      if (member.view().generation === generation) await member.refresh();
      if (member.view().generation === generation) throw illegalGeneration(group);
      if (claimed === generation) await promise;
      if (claimed === generation) throw illegalGeneration(group);
    }
  }

  return {
    async run() {
      try {
        while (!ending.aborted) {
          const isDone = await adopt().catch((error) => {
            if (ending.aborted || (error instanceof VarveError && error.retriable)) return false;
            throw error;
          });
          if (isDone) await member.changed(claimed, ending);
          else {
            void member.refresh();
            await sleep(clock, RETRY_MS, ending);
          }
        }
        if (failed.signal.aborted) throw failed.signal.reason;
      } finally {
        for (const lane of lanes.values()) lane.stop();
        turns.end();
        claims.resolve();
      }
    },

    take() {
      if (inHand) {
        inHand = undefined;
        handedBack.resolve();
        handedBack = Promise.withResolvers();
      }
      if (!member.holds() || ending.aborted) return undefined;
      const ready = turns.shift();
      inHand = ready?.owner;
      return ready?.take();
    },

    assignment: () =>
      [...lanes.values()].filter((lane) => !lane.isOver()).map(({ topic, of }) => ({ topic, partition: of.partition })),

    lane: ({ topic, partition }) =>
      [...lanes.values()].find((lane) => lane.topic === topic && lane.of.partition === partition && !lane.isOver()),

    async settled() {
      await Promise.all([...lanes.values()].map((lane) => lane.settled()));
    },
  };
}

function illegalGeneration(group: string): VarveError {
  return new VarveError(
    'ILLEGAL_GENERATION',
    `The partition is no longer this consumer's in the group "${group}": what was not committed is delivered again.`,
  );
}
