import type { Producers } from '../producers.ts';
import { type Engine, obtain } from './engine.ts';
import { key } from './keys.ts';

/** Ids that a process takes at a time; what it does not give away is never given. */
const BLOCK = 100;

export function producers(engine: Engine): Producers {
  let next = 0;
  let end = 0;
  let taking: Promise<void> | undefined;

  async function take(): Promise<void> {
    const item = await obtain(engine, () =>
      engine.table.update({
        key: key.producerIds(),
        update: 'SET #next = if_not_exists(#next, :zero) + :block',
        names: { '#next': 'next' },
        values: { ':zero': 0, ':block': BLOCK },
      }),
    );
    end = Number(item!.next);
    next = end - BLOCK;
  }

  return {
    async allocate() {
      while (next === end) {
        taking ??= take().finally(() => {
          taking = undefined;
        });
        await taking;
      }
      return next++;
    },
  };
}
