import type { Clock } from '../../../clock.ts';
import type { Engine } from './engine.ts';
import type { Transport } from './requests.ts';

const IDLE_MS = 20;

/** The engine in the caller's own thread: for memory, and for simulations, where nothing may happen beside the clock. */
export function inlineTransport(engine: Engine, clock: Clock): Transport {
  let cancelTidy = () => {};
  const tidyLater = () => {
    cancelTidy();
    cancelTidy = clock.schedule(IDLE_MS, () => {
      if (engine.tidy()) tidyLater();
    });
  };
  return {
    clusterId: engine.clusterId,

    async send({ now, reads, writes }, onAnswers) {
      if (reads.length > 0) onAnswers({ reads: engine.read(reads) });
      if (writes.length === 0) return;
      onAnswers({ writes: engine.write(writes, now) });
      tidyLater();
    },

    async close() {
      cancelTidy();
      engine.close();
    },
  };
}
