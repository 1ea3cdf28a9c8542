import { sleep } from '../../lib/clock.ts';
import { CALM } from './network.ts';
import type { Scene } from './scene.ts';

const WEATHER_MS = 15_000;
const LONGEST_FREEZE_MS = 60_000;

/** Lets storms come and go, freezes processes and kills them, as long as `lasts`. */
export function unleash({ settings, dice, clock, network, trace, hosts, start, count }: Scene, lasts: () => boolean) {
  const failures = dice.fork();

  async function weather(): Promise<void> {
    while (lasts()) {
      network.weather = failures.chance(0.3) ? CALM : settings.storm;
      await sleep(clock, failures.around(WEATHER_MS));
    }
    network.weather = CALM;
  }

  async function freezes(): Promise<void> {
    for (;;) {
      await sleep(clock, failures.around(settings.freezeEvery));
      if (!lasts()) return;
      const { process } = failures.pick(hosts());
      const ms = Math.min(failures.around(settings.freezeFor), LONGEST_FREEZE_MS);
      trace.note(`${process.name} freezes for ${ms.toFixed(0)}`);
      count('freezes');
      process.freeze(ms);
    }
  }

  async function kills(): Promise<void> {
    for (;;) {
      await sleep(clock, failures.around(settings.killEvery));
      if (!lasts()) return;
      const { process } = failures.pick(hosts());
      trace.note(`${process.name} is killed`);
      count('kills');
      process.kill();
      // Another one at once, so that clients always find one.
      start();
    }
  }

  for (const run of [weather, freezes, kills]) void run();
}
