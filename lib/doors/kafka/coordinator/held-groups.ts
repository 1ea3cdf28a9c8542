import type { Clock } from '../../../clock.ts';
import { VarveError } from '../../../errors.ts';
import type { Random } from '../../../ids.ts';
import type { GroupCoordinator, HeldGroup } from '../../../log/groups/groups.ts';
import type { KafkaErrorCode } from '../failures.ts';
import { createGroup, type Group } from './group.ts';
import type { GroupSettings } from './group-deps.ts';
import { decodeGroup, encodeGroup, type KeptGroup } from './kept-group.ts';

/** A group that is held by this gateway. */
export interface Holding {
  readonly group: Group;
  readonly held: HeldGroup;
}

/** The groups that this gateway holds: taken when they are asked for, given back when they have been without members for a while. */
export interface HeldGroups {
  /** Those that are held now. */
  readonly all: ReadonlyMap<string, Holding>;
  /** The group, taken if need be; or why that cannot be. */
  take(group: string): Promise<Holding | KafkaErrorCode>;
  /** Whether members may hold so many bytes more. */
  hasMemory(more: number): boolean;
  /** Says that a group's members hold more or less than they did. */
  count(group: string): void;
  /** Sends everybody away and gives all groups back. */
  close(): Promise<void>;
}

export interface HoldingSettings extends GroupSettings {
  /** Groups that are held at a time. Those without members make room for others. */
  maxGroups: number;
  /** Bytes that the members of all of them may hold: beyond it none comes in, and nothing is assigned. */
  maxBytes: number;
}

/** Milliseconds that a group without members is held on to: who commits once commits again. */
const LINGER_MS = 10_000;

interface Slot extends Holding {
  /** Of the group's members, when it was counted last. */
  bytes: number;
  cancelLinger(): void;
}

export function createHeldGroups(deps: {
  coordinator: GroupCoordinator;
  clock: Clock;
  random: Random;
  settings: HoldingSettings;
}): HeldGroups {
  const { coordinator, clock, settings } = deps;
  const slots = new Map<string, Promise<Slot>>();
  const ready = new Map<string, Slot>();
  let closed = false;
  /** Of all that are in `ready`. */
  let bytes = 0;

  async function hold(id: string): Promise<Slot> {
    const held = await coordinator.hold(id);
    const kept = await held.kept().catch(async (error) => {
      await held.release();
      throw error;
    });
    const keep = (state: KeptGroup) => held.keep(encodeGroup(state), state.protocolType);
    const onEmpty = () => linger(id, slot);
    const slot: Slot = {
      held,
      bytes: 0,
      group: createGroup({ ...deps, keep, onEmpty }, kept && decodeGroup(kept)),
      cancelLinger() {},
    };
    held.lost.addEventListener('abort', () => drop(id, slot), { once: true });
    if (held.lost.aborted) throw new VarveError('ILLEGAL_GENERATION', `The group "${id}" was lost at once.`);
    ready.set(id, slot);
    countOf(slot);
    linger(id, slot);
    return slot;
  }

  function drop(id: string, slot: Slot): void {
    slot.cancelLinger();
    slot.group.end('NOT_COORDINATOR');
    if (ready.get(id) !== slot) return;
    bytes -= slot.bytes;
    ready.delete(id);
    slots.delete(id);
  }

  function countOf(slot: Slot): void {
    bytes -= slot.bytes;
    slot.bytes = slot.group.bytes;
    bytes += slot.bytes;
  }

  function linger(id: string, slot: Slot): void {
    slot.cancelLinger();
    slot.cancelLinger = clock.schedule(LINGER_MS, () => {
      if (isIdle(slot)) void slot.held.release();
      else linger(id, slot);
    });
  }

  const isIdle = ({ group }: Slot) => group.members.size === 0 && group.state === 'Empty';

  /** Whether one more may be held. Anybody may name groups that do not exist: those must not keep others out. */
  function hasRoom(): boolean {
    if (slots.size < settings.maxGroups) return true;
    for (const [id, slot] of ready) {
      if (!isIdle(slot)) continue;
      drop(id, slot);
      void slot.held.release();
      return true;
    }
    return false;
  }

  return {
    all: ready,

    async take(id) {
      if (closed) return 'COORDINATOR_NOT_AVAILABLE';
      if (!slots.has(id) && !hasRoom()) return 'COORDINATOR_NOT_AVAILABLE';
      const taken = slots.get(id) ?? hold(id);
      slots.set(id, taken);
      try {
        return await taken;
      } catch (error) {
        if (slots.get(id) === taken) slots.delete(id);
        return unavailable(error);
      }
    },

    // Those that have gone since they were counted are found when it matters.
    hasMemory(more) {
      if (bytes + more > settings.maxBytes) for (const slot of ready.values()) countOf(slot);
      return bytes + more <= settings.maxBytes;
    },

    count(id) {
      const slot = ready.get(id);
      if (slot) countOf(slot);
    },

    async close() {
      closed = true;
      for (const { group } of ready.values()) group.end('COORDINATOR_NOT_AVAILABLE');
      await Promise.all([...ready.values()].map(({ held }) => held.release()));
    },
  };
}

/** Why a group cannot be had; clients ask again unless its id is at fault. What is no error of the log's is thrown on. */
export function unavailable(error: unknown): KafkaErrorCode {
  if (!(error instanceof VarveError)) throw error;
  // Somebody else may have it, perhaps a gateway that has just died.
  return error.code === 'INVALID_GROUP_ID' ? error.code : 'COORDINATOR_NOT_AVAILABLE';
}
