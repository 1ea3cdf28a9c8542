import { sleep } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import {
  type GroupMembership,
  type GroupView,
  groupMembership,
  type MembershipDeps,
  topicsEvery,
} from './membership.ts';
import { isFirst, type PlannedMember, type Subscribed, subscribed } from './plan.ts';

/** A member of a group that says it is there as long as it is. */
export interface GroupMember {
  readonly id: string;
  /** The group as it was last seen, this member in it. */
  view(): GroupView;
  /** Its own part in that. */
  own(): PlannedMember;
  /** Resolves when there is another generation than this, or the signal aborts. */
  changed(generation: number, signal: AbortSignal): Promise<void>;
  /** Looks at the group at once, and resolves when it is seen. `topics`: at its topics as well. `released`: what it was to give up it no longer reads. */
  refresh(what?: { topics?: boolean; released?: boolean }): Promise<void>;
  /** Aborts when it is a member no longer, cannot rely on being one, or left. */
  readonly lost: AbortSignal;
  /** Whether it can be relied on now, by the member's own monotonic clock. */
  holds(): boolean;
  /** Sends it at once. Never rejects. */
  leave(): Promise<void>;
}

interface Ask {
  topics?: boolean;
  released?: boolean;
  resolve(): void;
}

const STAND_BY_FIRST_MS = 100;
const STAND_BY_LAST_MS = 2_000;
const RETRY_MS = 500;
/** How soon a change that is under way is looked at again. */
const MOVING_MS = 1_000;

/** Waits until the group may be joined, and joins it. Undefined when the signal aborted first. */
export async function joinGroup(
  deps: MembershipDeps & { catalog: { shared: boolean } },
  group: string,
  id: string,
  to: Subscribed,
  signal: AbortSignal,
): Promise<GroupMember | undefined> {
  const { clock } = deps;
  const membership = groupMembership(deps, group);
  for (let pause = STAND_BY_FIRST_MS; !signal.aborted; pause = Math.min(pause * 2, STAND_BY_LAST_MS)) {
    const sent = clock.monotonic();
    const view = await membership.join(id, to).catch(passIfRetriable);
    if (view) return keepMember(deps, membership, id, view, sent);
    await sleep(clock, pause, signal);
  }
  return undefined;
}

function keepMember(
  deps: MembershipDeps & { catalog: { shared: boolean } },
  membership: GroupMembership,
  id: string,
  joined: GroupView,
  sent: number,
): GroupMember {
  const { clock } = deps;
  const { session } = joined.plan.members.get(id)!;
  const end = new AbortController();
  let view = joined;
  let reliableUntil = 0;
  let cancelAlarm = () => {};
  let topicsSeen = sent;
  let asks: Ask[] = [];
  let left: Promise<void> | undefined;
  /** Ends the wait for the next sign of life. */
  let wake = new AbortController();
  let seen = Promise.withResolvers<void>();

  /** An answer that came proves the membership from the moment that the request was sent. What is late has a fifth of the session. */
  function rely(from: number): void {
    reliableUntil = from + session * 0.8;
    cancelAlarm();
    cancelAlarm = clock.schedule(Math.max(0, reliableUntil - clock.monotonic()), () => end.abort());
  }

  function tell(next: GroupView): void {
    view = next;
    if (!view.plan.members.has(id)) end.abort();
    seen.resolve();
    seen = Promise.withResolvers();
  }

  async function topicsIfDue(asked: boolean) {
    const isDue = clock.monotonic() - topicsSeen >= topicsEvery(deps.catalog);
    if (!asked && !(isFirst(view.plan, id) && isDue)) return undefined;
    topicsSeen = clock.monotonic();
    return membership.topics(subscribed(view.plan));
  }

  async function beat(): Promise<void> {
    const asked = [...asks];
    const from = clock.monotonic();
    const found = await membership.beat(id, view);
    if (!found) end.abort();
    if (!found || end.signal.aborted) return;
    rely(from);
    const topics = await topicsIfDue(asked.some((one) => one.topics));
    // What was given up is what that plan said.
    const released = found.generation === view.generation && asked.some((one) => one.released);
    const next = await membership.tend(id, found, { ...(topics && { topics }), released });
    if (end.signal.aborted) return;
    asks = asks.filter((one) => !asked.includes(one));
    tell(next);
    resolveAll(asked);
  }

  async function run(): Promise<void> {
    for (let pause = pauseNow(); ; pause = pauseNow()) {
      await sleep(clock, pause, AbortSignal.any([end.signal, wake.signal]));
      wake = new AbortController();
      // The alarm bounds the attempts.
      while (!end.signal.aborted) {
        const done = await beat().then(
          () => true,
          () => false,
        );
        if (done) break;
        await sleep(clock, RETRY_MS, end.signal);
      }
      if (end.signal.aborted) return;
    }
  }

  function pauseNow(): number {
    const isMoving = [...view.plan.members.values()].some(({ since }) => since > 0);
    return isMoving ? Math.min(MOVING_MS, session / 3) : session / 3;
  }

  rely(sent);
  end.signal.addEventListener(
    'abort',
    () => {
      cancelAlarm();
      seen.resolve();
      resolveAll(asks.splice(0));
    },
    { once: true },
  );
  void run();
  return {
    id,
    view: () => view,
    own: () => view.plan.members.get(id)!,
    async changed(generation, signal) {
      const aborted = Promise.withResolvers<void>();
      const abort = () => aborted.resolve();
      signal.addEventListener('abort', abort, { once: true });
      while (view.generation === generation && !signal.aborted && !end.signal.aborted) {
        await Promise.race([seen.promise, aborted.promise]);
      }
      signal.removeEventListener('abort', abort);
    },
    refresh(what = {}) {
      if (end.signal.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      asks.push({ ...what, resolve });
      wake.abort();
      return promise;
    },
    lost: end.signal,
    holds: () => !end.signal.aborted && clock.monotonic() < reliableUntil,
    leave() {
      left ??= membership.leave(id, view);
      end.abort();
      return left;
    },
  };
}

function resolveAll(asks: readonly Ask[]): void {
  for (const { resolve } of asks) resolve();
}

function passIfRetriable(error: unknown): undefined {
  if (error instanceof VarveError && error.retriable) return undefined;
  throw error;
}
