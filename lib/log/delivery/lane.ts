import { VarveError } from '../../errors.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { TopicIdPartition } from '../../stores/catalog/partitions.ts';
import type { Subscription } from '../../stores/catalog/subscriptions.ts';
import type { Heads } from '../heads.ts';
import type { Reader } from '../reader.ts';
import { unknownTopic } from '../topic-name.ts';
import type { Lane } from './ports.ts';

export interface LaneDeps {
  catalog: Pick<Catalog, 'groups'>;
  reader: Pick<Reader, 'poll'>;
  heads: Pick<Heads, 'refresh'>;
}

/** A partition of the log itself. UNKNOWN_TOPIC_OR_PARTITION when it is gone. */
export function logLane(
  { catalog: { groups }, reader, heads }: LaneDeps,
  { topic, group }: Subscription,
  of: TopicIdPartition,
): Lane {
  return {
    topic,
    partition: of.partition,

    async committed() {
      return (await groups.offsets(group, [of]))[0]?.offset;
    },

    async read(from, { records, bytes }) {
      // As it is now: what a head from before says of the end would leave the newest records lying.
      const head = await heads.refresh(of);
      if (!head) throw unknownTopic(topic);
      const { logStart, highWatermark } = head;
      const offset = Math.min(Math.max(from ?? logStart, logStart), highWatermark);
      if (offset === highWatermark) return { offset, records: [], next: offset };
      try {
        const { records: read, next } = await reader.poll(of, offset, { maxRecords: records, maxBytes: bytes });
        return { offset, records: read, next };
      } catch (error) {
        // Retention was faster than this read.
        if (!(error instanceof VarveError && error.code === 'OFFSET_OUT_OF_RANGE')) throw error;
        return this.read(undefined, { records, bytes });
      }
    },

    async advance(from, to) {
      return (await groups.advance(group, { topic, ...of }, from, to)) === 'committed';
    },
  };
}
