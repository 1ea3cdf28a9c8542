import pLimit from 'p-limit';
import type { Clock } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { Random } from '../../ids.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { CommittedOffset } from '../../stores/catalog/groups.ts';
import { type Head, partitionKey } from '../../stores/catalog/partitions.ts';
import { checkListLimit } from '../list-limit.ts';
import { nameFault, unknownPartition, unknownTopic, unknownTopicId } from '../topic-name.ts';
import { describeGroup } from './description.ts';
import { checkGroupId } from './group-id.ts';
import { nonEmpty, withGroup } from './group-lease.ts';
import type { CoordinatorCallbacks, GroupAdmin, GroupOffset, HeldGroup } from './groups.ts';
import { createSlot, type Slot } from './slot.ts';

const MAX_METADATA_BYTES = 4_096;
const LOOK_UPS_AT_ONCE = 16;
const NAMELESS = '';

export function createGroupAdmin(deps: { catalog: Catalog; clock: Clock; random: Random }): GroupAdmin {
  const { topics, partitions, groups, leases } = deps.catalog;
  const leaseDeps = { leases, clock: deps.clock, random: deps.random };
  /** Those of this process. */
  const coordinators: CoordinatorCallbacks[] = [];

  /** Offsets are kept by topic id: those of a topic that was deleted since are nobody's. */
  async function committed(group: string): Promise<CommittedOffset[]> {
    const all = await groups.offsets(group);
    if (all.length === 0) throw notFound(group);
    const names = [...new Set(all.map(({ topic }) => topic))];
    const found = await each(names, (name) => topics.get(name));
    const ids = new Map(found.map((topic) => [topic?.name, topic?.id]));
    return all
      .filter(({ topic, topicId }) => ids.get(topic) === topicId)
      .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
  }

  /** Each where it is kept, or why it cannot be kept. */
  async function locate(offsets: readonly GroupOffset[]): Promise<(CommittedOffset | VarveError)[]> {
    const names = [...new Set(offsets.map(({ topic }) => topic))];
    const found = await each(names, (name) => (nameFault(name) ? Promise.resolve(undefined) : topics.get(name)));
    const byName = new Map(names.map((name, i) => [name, found[i]]));
    return offsets.map(({ topic: name, topicId, ...offset }) => {
      const { partition, metadata } = offset;
      const topic = byName.get(name);
      if (topicId !== undefined && topic?.id !== topicId) return unknownTopicId(name);
      if (!topic) return unknownTopic(name);
      if (!Number.isInteger(partition) || partition < 0 || partition >= topic.partitions) {
        return unknownPartition(name, partition);
      }
      if (metadata !== undefined && Buffer.byteLength(metadata) > MAX_METADATA_BYTES) {
        return new VarveError(
          'OFFSET_METADATA_TOO_LARGE',
          `The metadata of an offset has at most ${MAX_METADATA_BYTES} bytes.`,
        );
      }
      return { ...offset, topic: name, topicId: topic.id };
    });
  }

  async function checkRanges(offsets: readonly CommittedOffset[]): Promise<void> {
    const heads = await each(offsets, (of) => partitions.head(of));
    offsets.forEach(({ topic, partition, offset }, i) => {
      const head = heads[i];
      if (!head) throw unknownPartition(topic, partition);
      if (Number.isSafeInteger(offset) && offset >= head.logStart && offset <= head.highWatermark) return;
      throw new VarveError(
        'OFFSET_OUT_OF_RANGE',
        `Offset ${offset} of ${topic}, partition ${partition}: give one from ${head.logStart} to ${head.highWatermark}.`,
      );
    });
  }

  async function list({ after, limit = 1000 }: { after?: string; limit?: number } = {}) {
    checkListLimit(limit);
    return groups.list({ limit, ...(after !== undefined && { after }) });
  }

  async function hold(slot: Slot, group: string): Promise<HeldGroup> {
    const lease = await slot.hold(group);
    const act = async <T>(run: () => Promise<T | 'fenced'>): Promise<T> => {
      const outcome = lease.holds() ? await run() : 'fenced';
      if (outcome !== 'fenced') return outcome;
      void lease.release();
      throw new VarveError('ILLEGAL_GENERATION', `Another process has taken the group "${group}" over.`);
    };
    return {
      lost: lease.lost,
      async commit(offsets) {
        const located = await locate(offsets);
        const sound = located.filter((one): one is CommittedOffset => !(one instanceof VarveError));
        if (sound.length > 0) await act(() => groups.commit(group, lease.generation, sound));
        return located.map((one) => (one instanceof VarveError ? one : undefined));
      },
      async keep(state, protocolType) {
        await act(() => groups.keep(group, lease.generation, state, protocolType));
      },
      kept: () => act(() => groups.kept(group, lease.generation)),
      async forget(named) {
        const located = await locate(named.map((one) => ({ ...one, offset: 0 })));
        const sound = located.filter((one): one is CommittedOffset => !(one instanceof VarveError));
        if (sound.length > 0) await act(() => groups.forget(group, lease.generation, sound));
        return located.map((one) => (one instanceof VarveError ? one : undefined));
      },
      delete: () => act(() => groups.delete(group)),
      release: () => lease.release(),
    };
  }

  return {
    async list(options) {
      return (await list(options)).map(({ id }) => id);
    },

    async offsets(group) {
      checkGroupId(group);
      return (await committed(group)).map(toGroupOffset);
    },

    async lag(group) {
      checkGroupId(group);
      const offsets = await committed(group);
      const heads = await each(offsets, (of) => partitions.head(of));
      return offsets.flatMap((one, i) => {
        const head = heads[i];
        return head ? [{ ...toGroupOffset(one), latest: head.highWatermark, lag: lagOf(one, head) }] : [];
      });
    },

    async commit(group, offsets) {
      checkGroupId(group);
      if (offsets.length === 0) return;
      const located = (await locate(offsets)).map(orThrow);
      if (new Set(located.map(partitionKey)).size < located.length) {
        throw new VarveError('INVALID_REQUEST', 'A partition is named twice: give one offset for each.');
      }
      await checkRanges(located);
      const outcome = await withGroup(leaseDeps, group, (generation) => groups.commit(group, generation, located));
      if (outcome === 'fenced') throw nonEmpty(group);
    },

    async describe(group) {
      checkGroupId(group);
      const held = coordinators.map((one) => one.describe?.(group)).find((one) => one !== undefined);
      if (held && held.members.length > 0) return held;
      const described = await describeGroup(deps, group, held !== undefined);
      if (!described) throw notFound(group);
      return described;
    },

    coordinateAs(number, callbacks = {}) {
      coordinators.push(callbacks);
      const slot = createSlot(leaseDeps, number, () => callbacks.onDisplaced?.());
      const check = (group: string) => {
        if (group !== NAMELESS) checkGroupId(group);
      };
      return {
        async hold(group) {
          check(group);
          return hold(slot, group);
        },
        async offsets(group) {
          check(group);
          return committed(group);
        },
        list,
        async find(group) {
          check(group);
          return groups.find(group);
        },
      };
    },

    async delete(group) {
      checkGroupId(group);
      if (!(await withGroup(leaseDeps, group, () => groups.delete(group)))) throw notFound(group);
    },
  };
}

function orThrow(located: CommittedOffset | VarveError): CommittedOffset {
  if (located instanceof VarveError) throw located;
  return located;
}

function toGroupOffset({ topicId, ...offset }: CommittedOffset): GroupOffset {
  return offset;
}

function lagOf({ offset }: CommittedOffset, { logStart, highWatermark }: Head): number {
  return Math.max(0, highWatermark - Math.max(offset, logStart));
}

function each<T, R>(items: readonly T[], look: (item: T) => Promise<R>): Promise<R[]> {
  return pLimit(LOOK_UPS_AT_ONCE).map(items, look);
}

function notFound(group: string): VarveError {
  return new VarveError('GROUP_ID_NOT_FOUND', `There is no group "${group}".`);
}
