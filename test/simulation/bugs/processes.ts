import { VarveError } from '../../../lib/errors.ts';
import type { AppendOutcome } from '../../../lib/stores/catalog/partitions.ts';
import { type Bug, hasty, NEVER, stormy, withPartitions } from './bug.ts';

/** Processes that use the stores, or answer, wrongly. */
export const PROCESS_BUGS: readonly Bug[] = [
  {
    name: 'a writer takes an unknown append for a failed one and sends it again',
    caughtBy: ['at most once'],
    settings: (settings) => stormy(settings, { answerLost: 0.1 }),
    usesCatalog: (inner) =>
      withPartitions(inner, {
        async append(to, entries, options) {
          const first = await inner.partitions.append(to, entries, options);
          const isUnknown = first.outcomes.some(({ status }) => status === 'unknown');
          return isUnknown ? inner.partitions.append(to, entries, options) : first;
        },
      }),
  },
  {
    name: 'a writer says of an unknown append that it failed',
    caughtBy: ['refused is not there'],
    settings: (settings) => stormy(settings, { answerLost: 0.1 }),
    usesCatalog: (inner) =>
      withPartitions(inner, {
        async append(to, entries, options) {
          const answer = await inner.partitions.append(to, entries, options);
          if (answer.outcomes.every(({ status }) => status !== 'unknown')) return answer;
          throw new VarveError('KAFKA_STORAGE_ERROR', 'the records could not be stored; send them again');
        },
      }),
  },
  {
    name: 'a writer acknowledges what it does not know',
    caughtBy: ['acknowledged is there'],
    settings: (settings) => stormy(settings, { refused: 0.1 }),
    usesCatalog: (inner) =>
      withPartitions(inner, {
        async append(to, entries, options) {
          const { outcomes, ...head } = await inner.partitions.append(to, entries, options);
          const guess: AppendOutcome = { status: 'appended', base: 0 };
          return { outcomes: outcomes.map((outcome) => (outcome.status === 'unknown' ? guess : outcome)), ...head };
        },
      }),
  },
  {
    name: 'a group of entries is committed in reverse',
    caughtBy: ['order of calls', 'producer order'],
    usesCatalog: (inner) =>
      withPartitions(inner, {
        async append(to, entries, options) {
          const { outcomes, ...head } = await inner.partitions.append(to, entries.toReversed(), options);
          return { outcomes: outcomes.toReversed(), ...head };
        },
      }),
  },
  {
    name: 'an object is put again under its name',
    caughtBy: ['names are used once'],
    settings: (settings) => hasty(stormy(settings, { refused: 0.1 })),
    usesObjects: (inner) => ({
      ...inner,
      put: (name, parts, options) => inner.put(name, parts, options).catch(() => inner.put(name, parts, options)),
    }),
  },
  {
    name: 'an append is never answered, and no signal ends it',
    caughtBy: ['nothing held', 'calls end'],
    usesCatalog: (inner, dice) =>
      withPartitions(inner, {
        append: (to, entries, options) => (dice.chance(0.01) ? NEVER : inner.partitions.append(to, entries, options)),
      }),
  },
  {
    name: 'a read is never answered',
    caughtBy: ['calls end'],
    usesCatalog: (inner, dice) =>
      withPartitions(inner, {
        head: (of) => (dice.chance(0.02) ? NEVER : inner.partitions.head(of)),
      }),
  },
  {
    name: 'what is not in the tail cannot be read',
    caughtBy: ['all is read'],
    usesCatalog: (inner) =>
      withPartitions(inner, {
        find: () => Promise.reject(new VarveError('KAFKA_STORAGE_ERROR', 'not found; read again')),
      }),
  },
  {
    name: 'a group commits one record too many',
    caughtBy: ['nothing skipped'],
    usesCatalog: (inner) => ({
      ...inner,
      groups: {
        ...inner.groups,
        commit(group, generation, offsets, options) {
          const beyond = offsets.map((one) => ({ ...one, offset: one.offset + 1 }));
          return inner.groups.commit(group, generation, beyond, options);
        },
      },
    }),
  },
  {
    name: 'a consumer is handed a batch twice',
    caughtBy: ['delivered in order'],
    log: (inner, dice) => ({
      ...inner,
      consumer(options) {
        const consumer = inner.consumer(options);
        return {
          ...consumer,
          [Symbol.asyncIterator]() {
            const iterator = consumer[Symbol.asyncIterator]();
            let again: Awaited<ReturnType<typeof iterator.next>> | undefined;
            return {
              async next() {
                const given = again ?? (await iterator.next());
                again = !again && dice.chance(0.1) ? given : undefined;
                return given;
              },
            };
          },
        };
      },
    }),
  },
  {
    name: 'a poll finds nothing where there is something',
    caughtBy: ['reads are fresh'],
    log: (inner, dice) => ({
      ...inner,
      async poll(topic, partition, offset, options) {
        const polled = await inner.poll(topic, partition, offset, options);
        return dice.chance(0.1) ? { ...polled, records: [], next: offset } : polled;
      },
    }),
  },
  {
    name: 'a high watermark goes back',
    caughtBy: ['watermarks rise'],
    log: (inner, dice) => ({
      ...inner,
      async poll(topic, partition, offset, options) {
        const polled = await inner.poll(topic, partition, offset, options);
        return dice.chance(0.2) ? { ...polled, highWatermark: polled.highWatermark - 1 } : polled;
      },
    }),
  },
  {
    name: 'a timestamp is found one record late',
    caughtBy: ['offset by time'],
    log: (inner) => ({
      ...inner,
      async offsetAt(topic, partition, timestamp) {
        const found = await inner.offsetAt(topic, partition, timestamp);
        return found && inner.offsetAt(topic, partition, found.timestamp + 1);
      },
    }),
  },
  {
    name: 'a topic is said to be unknown that is there',
    caughtBy: ['negative answers are true'],
    log: (inner, dice) => ({
      ...inner,
      async offsets(topic, partition) {
        if (dice.chance(0.2)) throw new VarveError('UNKNOWN_TOPIC_OR_PARTITION', 'there is none; create it first');
        return inner.offsets(topic, partition);
      },
    }),
  },
];
