import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Verdict } from '../faults/append-history.ts';
import { type AppendTrial, judged, type Written } from '../faults/append-trial.ts';
import { seeded } from '../support/random.ts';
import type { Order } from './faults-process.ts';

const PROGRAM = fileURLToPath(new URL('./faults-process.ts', import.meta.url));
/** Longer than a request may take, so that what a frozen process has in flight is unanswered when it wakes. */
const LONGEST_MS = 3_000;
const BETWEEN_MS = 500;

/** The trial in `groups` processes of the machine, each with the trial's handles and writers, one after the other frozen by SIGSTOP. */
export async function tryFrozenAppends(
  trial: AppendTrial,
  groups: number,
): Promise<Verdict & Pick<Written, 'faults'> & { freezes: number }> {
  const random = seeded(trial.seed);
  const children: ChildProcess[] = [];
  let freezes = 0;
  try {
    const verdict = await judged(trial, async (partitions) => {
      const running = new Set<ChildProcess>();
      const results = Array.from({ length: groups }, (_, i) => {
        const child = fork(PROGRAM, { serialization: 'advanced' });
        children.push(child);
        running.add(child);
        const producersFrom = i * (trial.producers ?? 0);
        child.send({ trial: { ...trial, seed: trial.seed + i, producersFrom }, partitions } satisfies Order);
        return new Promise<Written>((resolve, reject) => {
          child.once('message', (written: Written) => resolve(written));
          child.once('exit', (code, signal) => {
            running.delete(child);
            reject(new Error(`a process of writers ended with ${signal ?? code}`));
          });
        });
      });
      const all = Promise.all(results);
      all.catch(() => {});
      while (running.size > 0) {
        await delay(random() * BETWEEN_MS);
        const child = [...running][Math.floor(random() * running.size)];
        if (!child?.kill('SIGSTOP')) continue;
        freezes += 1;
        await delay(random() * LONGEST_MS);
        child.kill('SIGCONT');
      }
      const written = await all;
      const faults = { ...written[0]!.faults };
      for (const name of Object.keys(faults) as (keyof typeof faults)[]) {
        faults[name] = written.reduce((sum, one) => sum + one.faults[name], 0);
      }
      return { told: written.flatMap(({ told }) => told), faults };
    });
    return { ...verdict, freezes };
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}
