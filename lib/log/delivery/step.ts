import type { Progress, ShareProgress, Subscription } from '../../stores/catalog/subscriptions.ts';
import { type Attempt, type AttemptDeps, attempt, type Why } from './attempt.ts';
import type { DeadLetter, Lane } from './ports.ts';
import { shareOut } from './shares.ts';
import { SKEW_MS } from './states.ts';

export interface StepDeps extends AttemptDeps {
  /** Called before anything is done about records: false: not any more. Where it is true there is time for an invocation. */
  mayGoOn(): Promise<boolean>;
}

/** What one step came to, and what it did. */
export type Step = {
  /** Records that the function was invoked with and did not fail at. */
  delivered: number;
  /** What was given up. */
  given: DeadLetter[];
  /** Why records have to be tried again. */
  why?: Why;
  /** To be given to the next step. */
  progress?: Progress;
} & (
  | { status: 'empty' | 'advanced' | 'moved' | 'stopped' }
  /** Nothing can be done for so many milliseconds. */
  | { status: 'waits'; after: number }
);

/** As many bytes of batches as may be worth reading for one event, and for several at most. */
const READ_BYTES = 5_000_000;
const MAX_READ_BYTES = 20_000_000;

/**
 * Delivers the next batch of a partition, or one of each of its shares side by side: reads from what the group has committed, invokes, and
 * commits as far as all before it is done with. Whatever ends it between any two lines leaves the group where it was, so that the
 * records come again.
 */
export async function step(
  deps: StepDeps,
  subscription: Subscription,
  lane: Lane,
  progress: Progress | undefined,
): Promise<Step> {
  const { batchSize, parallelizationFactor: width } = subscription;
  const nothing = { delivered: 0, given: [] };
  const committed = await lane.committed();
  const { offset, records, next } = await lane.read(committed, {
    records: batchSize * width,
    bytes: Math.min(READ_BYTES * width, MAX_READ_BYTES),
  });
  if (records.length === 0 && next === offset) return { ...nothing, status: 'empty' };
  if (!(await deps.mayGoOn())) return { ...nothing, status: 'stopped', ...(progress && { progress }) };

  // Whoever sets the group to another offset wants to begin anew from there.
  const known = progress?.committed === committed && progress?.shares.length === width ? progress.shares : [];
  const began = deps.now();
  const shares = await Promise.all(
    shareOut(records, width).map(async (all, i): Promise<{ at: ShareProgress; tried?: Attempt }> => {
      const before = known[i];
      const left = before ? all.filter((record) => record.offset >= before.offset) : all;
      const first = left[0];
      if (!first) return { at: { offset: next, attempts: 0 } };
      const same = before?.offset === first.offset ? before : undefined;
      if (same?.due !== undefined && same.due > began + SKEW_MS) return { at: same };
      const tried = await attempt(deps, subscription, lane, left, same);
      const offset = left[tried.done]?.offset ?? next;
      if (!tried.again) return { at: { offset, attempts: 0 }, tried };
      const { after, why: _, ...again } = tried.again;
      return { at: { offset, ...again, due: deps.now() + after }, tried };
    }),
  );

  const to = Math.min(next, ...shares.map(({ at }) => at.offset));
  const tried = shares.flatMap((share) => share.tried ?? []);
  const why = tried.find(({ again }) => again)?.again?.why;
  const came = {
    delivered: tried.reduce((sum, { delivered }) => sum + delivered, 0),
    given: tried.flatMap(({ given }) => given ?? []),
    ...(why && { why }),
  };
  if (to !== committed && !(await lane.advance(committed, to))) return { ...came, status: 'moved' };
  const ahead = shares.some(({ at }) => at.offset > to || at.due !== undefined);
  const remembered = ahead && { progress: { committed: to, shares: shares.map(({ at }) => at) } };
  const dues = shares.flatMap(({ at }) => at.due ?? []);
  if (dues.length === width || (tried.length === 0 && dues.length > 0)) {
    const after = Math.max(0, Math.min(...dues) - deps.now());
    return { ...came, ...remembered, status: 'waits', after };
  }
  return { ...came, ...remembered, status: 'advanced' };
}
