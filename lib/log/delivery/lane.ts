import { VarveError } from '../../errors.ts';
import type { LogRecord } from '../../format/records/record.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { TopicIdPartition } from '../../stores/catalog/partitions.ts';
import type { Subscription } from '../../stores/catalog/subscriptions.ts';
import type { Heads } from '../heads.ts';
import type { Reader } from '../reader.ts';
import { unknownTopic } from '../topic-name.ts';
import { compileFilters } from './filters.ts';
import type { Lane } from './ports.ts';

export interface LaneDeps {
  catalog: Pick<Catalog, 'groups'>;
  reader: Pick<Reader, 'poll'>;
  heads: Pick<Heads, 'refresh'>;
}

/** So many are looked at in one read at least where they are filtered: few of them may be left. */
const FILTERED_RECORDS = 1_000;

/** A partition of the log itself. UNKNOWN_TOPIC_OR_PARTITION when it is gone. */
export function logLane(
  { catalog: { groups }, reader, heads }: LaneDeps,
  { topic, group, filters }: Subscription,
  of: TopicIdPartition,
): Lane {
  const { partition } = of;
  const matches = filters && compileFilters(filters);

  return {
    topic,
    partition,

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
        const maxRecords = matches ? Math.max(records, FILTERED_RECORDS) : records;
        const { records: read, next } = await reader.poll(of, offset, { maxRecords, maxBytes: bytes });
        if (!matches) return { offset, records: read, next };
        const matching: LogRecord[] = [];
        for (const record of read) {
          if (!matches({ ...record, topic, partition })) continue;
          // What comes after these is looked at by the next read.
          if (matching.length === records) return { offset, records: matching, next: record.offset };
          matching.push(record);
        }
        return { offset, records: matching, next };
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
