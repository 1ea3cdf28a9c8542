import type { Partitions } from '../partitions.ts';
import type { Appender } from './append.ts';
import { batchGet, type Engine } from './engine.ts';
import { find, findTimestamp, readChunks, references } from './find.ts';
import { decodeHead, moveHead, producerOf, readHead } from './head.ts';
import { advanceFrontier, replaceIndex } from './index.ts';
import { key } from './keys.ts';
import { sequenceBefore, unpack } from './sequence.ts';
import { dropChunks, trim } from './trim.ts';

export function partitions(engine: Engine, { append }: Appender): Partitions {
  return {
    append,

    head: async (of) => (await readHead(engine, of))?.head,

    async peek(of) {
      const keys = new Map(of.map((at) => [key.head(at).pk, key.head(at)]));
      const items = await batchGet(engine, [...keys.values()], false);
      const heads = new Map(items.map((item) => [item.pk as string, decodeHead(item).head]));
      return of.map((at) => heads.get(key.head(at).pk));
    },

    async producers(of) {
      const item = await readHead(engine, of);
      if (!item) return undefined;
      return [...item.producers]
        .map(([name, state]) => {
          const { epoch, next, base } = unpack(state);
          return { id: producerOf(name), epoch, lastSequence: sequenceBefore(next), base };
        })
        .sort((a, b) => a.id - b.id);
    },

    find: (of, offset, head) => find(engine, of, offset, head),
    findTimestamp: (of, timestamp) => findTimestamp(engine, of, timestamp),
    chunks: (of, ids) => readChunks(engine, of, ids),

    async raiseLogStart(of, offset) {
      const { moved, item } = await moveHead(engine, of, {
        update: 'SET lo = :offset',
        condition: 'lo < :offset AND hw >= :offset',
        values: { ':offset': offset },
      });
      if (!item) return 'unknown partition';
      if (!moved && offset > item.head.highWatermark) return 'out of range';
      return item.head.logStart;
    },

    async raiseFloor(of, time) {
      await moveHead(engine, of, { update: 'SET gc = :time', condition: 'gc < :time', values: { ':time': time } });
    },

    references: (of, from) => references(engine, of, from),
    trim: (of) => trim(engine, of),
    dropChunks: (of, before) => dropChunks(engine, of, before),
    advanceFrontier: (of, head, run) => advanceFrontier(engine, of, head, run),
    replaceIndex: (of, head, generation, runs) => replaceIndex(engine, of, head, generation, runs),
  };
}
