import { setTimeout as delay } from 'node:timers/promises';
import type { Call } from '../aws/wire.ts';
import { delayOf, sample } from './delays.ts';

/** What was asked of the services on behalf of one call. */
export interface Taken {
  /** In the order asked; `+` before what was asked while another was on its way, `>` before what waited for all before it. */
  path: string;
  /** Milliseconds in which at least one of them was being held up: the services' part of the call. */
  held: number;
}

export interface Trace {
  /** Holds an answer up for as long as its service would take. */
  hold(call: Call): Promise<void>;
  /** Since the last time. */
  take(): Taken;
}

export function createTrace(random: () => number): Trace {
  let path = '';
  let held = 0;
  let underWay = 0;
  let since = 0;
  return {
    async hold(call) {
      const name = call.item ? `${call.operation} ${call.item}` : call.operation;
      path += path === '' ? name : `${underWay > 0 ? ' + ' : ' > '}${name}`;
      if (underWay === 0) since = performance.now();
      underWay += 1;
      await delay(sample(delayOf(call), random));
      underWay -= 1;
      if (underWay === 0) held += performance.now() - since;
    },
    take() {
      const taken = { path, held };
      path = '';
      held = 0;
      return taken;
    },
  };
}
