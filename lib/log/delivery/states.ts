import type { DeliveryState, Progress, ShareProgress } from '../../stores/catalog/subscriptions.ts';

/** How a delivery's state changes: undefined where it stays as it is. Times are milliseconds since the epoch. */

/** A message that was due this long ago may be lost: another one is sent. Two do no harm. */
const LOST_MS = 120_000;
/** For what clocks differ by. */
export const SKEW_MS = 2_000;

export const IDLE: DeliveryState = { status: 'idle', until: 0 };

/**
 * There is something to deliver. A message is to be sent when the state becomes `queued`, due at its `until`. `anew`: whatever is
 * queued waits for the wrong thing.
 */
export function wake(state: DeliveryState, now: number, wait: number, anew = false): DeliveryState | undefined {
  const { status, until } = state;
  const progress = state.progress && anew ? atOnce(state.progress) : state.progress;
  const queued: DeliveryState = { status: 'queued', until: now + wait, ...(progress && { progress }) };
  if (status === 'idle') return queued;
  if (status === 'queued') return anew || now > until + LOST_MS ? queued : undefined;
  // Whoever ran is gone, and its message perhaps with it.
  if (now > until + SKEW_MS) return queued;
  return state.wanted ? undefined : { ...state, wanted: true };
}

/** A message has come. A number: it is too early by so many milliseconds; `idle`: all was done by then. */
export function take(state: DeliveryState, now: number, run: string, until: number): DeliveryState | number | 'idle' {
  if (state.status === 'idle') return 'idle';
  // Queues count whole seconds, and clocks differ.
  const early = state.until + (state.status === 'running' ? SKEW_MS : -SKEW_MS) - now;
  if (early > 0) return Math.max(early, state.until - now);
  const { progress } = state;
  return { status: 'running', run, until, ...(progress && { progress }) };
}

/** The run goes on until then. */
export function extend(state: DeliveryState, run: string, until: number): DeliveryState | undefined {
  return isRun(state, run) ? { ...state, until } : undefined;
}

/** The run ends, and another one is to begin at `due`. */
export function requeue(
  state: DeliveryState,
  run: string,
  due: number,
  progress: Progress | undefined,
): DeliveryState | undefined {
  return isRun(state, run) ? { status: 'queued', until: due, ...(progress && { progress }) } : undefined;
}

/** The run found nothing more: it is over, unless it is wanted again, and then goes on. */
export function release(state: DeliveryState, run: string): DeliveryState | undefined {
  if (!isRun(state, run)) return undefined;
  return state.wanted ? { status: 'running', run, until: state.until } : IDLE;
}

/** Nothing waits any more but for an invocation that may be under way. */
function atOnce({ committed, shares }: Progress): Progress {
  const ready = ({ due: _, refused: __, ...share }: ShareProgress): ShareProgress => share;
  return { committed, shares: shares.map((share) => (share.busy ? share : ready(share))) };
}

function isRun(state: DeliveryState, run: string): boolean {
  return state.status === 'running' && state.run === run;
}
