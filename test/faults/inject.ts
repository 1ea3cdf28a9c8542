import { setTimeout as delay } from 'node:timers/promises';
import { busy, failure, isWrite } from './dynamodb.ts';
import { type Hook, lost, type Reply } from './transport.ts';

/** Chances in [0, 1] of what may become of a request to DynamoDB. Each request meets one of them at most. */
export interface Faults {
  /** Not carried out, and not answered. */
  unsent: number;
  /** Carried out, and the answer lost. */
  lost: number;
  /** Answered as lost at once, carried out up to `lateMs` later, when others that were sent after it have been. */
  late: number;
  lateMs: number;
  /** Carried out twice, the second time up to 60 ms later; the second answer is the one that arrives, half of the time. */
  doubled: number;
  /** Throttled, or in conflict with a transaction. */
  busy: number;
  /** Answered by an error of the service; carried out, half of the time. */
  broken: number;
  /** Held up to `frozenMs` before it is sent, as by a process that is frozen between two lines. */
  frozen: number;
  frozenMs: number;
}

export const NO_FAULTS: Faults = {
  unsent: 0,
  lost: 0,
  late: 0,
  lateMs: 300,
  doubled: 0,
  busy: 0,
  broken: 0,
  frozen: 0,
  frozenMs: 500,
};

type Kind = Exclude<keyof Faults, 'lateMs' | 'frozenMs'>;

export interface FaultInjector {
  hook: Hook;
  /** How often each fault happened. */
  counts: Record<Kind, number>;
  /** Resolves when everything late has been carried out. */
  settled(): Promise<void>;
}

/**
 * Faults on every request, decided by `random`, numbers in [0, 1): the same seed deals the same faults to the same requests,
 * as far as the machine sends them in the same order. What is only read is not doubled or late, since that changes nothing.
 * Of every hundred writes, and of every hundred reads, each fault meets its share and neither more nor less.
 */
export function injectFaults(faults: Faults, random: () => number): FaultInjector {
  const counts = { unsent: 0, lost: 0, late: 0, doubled: 0, busy: 0, broken: 0, frozen: 0 };
  const pending = new Set<Promise<unknown>>();
  const later = (ms: number, send: () => Promise<Reply>): Promise<Reply> => {
    const sent = delay(ms).then(send);
    pending.add(sent);
    const leave = () => pending.delete(sent);
    sent.then(leave, leave);
    return sent;
  };

  const [throwForWrite, throwForRead] = [evenDice(random), evenDice(random)];
  const hook: Hook = async (request, send) => {
    let dice = isWrite(request) ? throwForWrite() : throwForRead();
    const happens = (fault: Kind) => {
      dice -= faults[fault];
      if (dice >= 0) return false;
      counts[fault] += 1;
      return true;
    };
    if (happens('busy')) return busy(request, random);
    if (happens('unsent')) return lost();
    if (happens('lost')) {
      await send();
      return lost();
    }
    if (happens('broken')) {
      if (random() < 0.5) await send();
      return failure(random() < 0.5 ? 500 : 503, 'InternalServerError');
    }
    if (!isWrite(request)) return send();
    if (happens('late')) {
      later(random() * faults.lateMs, send).catch(() => {});
      return lost();
    }
    if (happens('doubled')) {
      const first = await send();
      const second = later(random() * 60, send);
      if (random() >= 0.5) return second;
      second.catch(() => {});
      return first;
    }
    if (happens('frozen')) return later(random() * faults.frozenMs, send);
    return send();
  };

  return {
    hook,
    counts,
    async settled() {
      while (pending.size > 0) await Promise.allSettled(pending);
    },
  };
}

/** Numbers in [0, 1), of which every hundred have one in each hundredth, in an order that `random` decides. */
function evenDice(random: () => number): () => number {
  let hundredths: number[] = [];
  return () => {
    if (hundredths.length === 0) hundredths = Array.from({ length: 100 }, (_, i) => i);
    const [hundredth] = hundredths.splice(Math.floor(random() * hundredths.length), 1);
    return (hundredth! + random()) / 100;
  };
}
