import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import type { Engine } from '../../lib/stores/catalog/sqlite/engine.ts';
import type { Transport } from '../../lib/stores/catalog/sqlite/requests.ts';
import { catalogOver } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import type { NetworkDeps, Weather } from './network.ts';
import type { Process } from './process.ts';

/**
 * The catalog of a process that has it for itself, as the embedded log has: its own queue in front of an engine that takes its
 * time. It may fail, never late: of a process that died nothing is still on its way.
 */
export function aloneWith(engine: Engine, process: Process, weather: () => Weather, deps: NetworkDeps): Catalog {
  const { clock, dice, trace, count } = deps;

  /** Resolves in the process, unless that dies. */
  function later(): Promise<void> {
    const { slow, slowBy, latency } = weather();
    const ms = dice.around(dice.chance(slow) ? slowBy : latency);
    return new Promise((resolve) => clock.schedule(ms, () => process.deliver(resolve)));
  }

  const transport: Transport = {
    clusterId: engine.clusterId,

    async send({ now, reads, writes }, onAnswers) {
      await later();
      trace.note(`${process.name} ${[...reads, ...writes].map(({ port, method }) => `${port}.${method}`).join(', ')}`);
      if (reads.length > 0) onAnswers({ reads: engine.read(reads) });
      if (writes.length === 0) return;
      const isRefused = dice.chance(weather().refused);
      if (isRefused) count('alone: writes refused');
      const error = { code: 'KAFKA_STORAGE_ERROR', message: 'simulated: refused' } as const;
      const answers = isRefused ? writes.map(() => ({ error })) : engine.write(writes, now);
      // The disk is slow, the answers are not.
      onAnswers({ writes: answers });
      engine.tidy();
    },

    async close() {},
  };
  return catalogOver(transport, process.clock);
}
