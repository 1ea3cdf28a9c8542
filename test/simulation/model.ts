import type { LogRecord } from '../../lib/format/records/record.ts';
import { isSame, nameOf, type Payload } from './payload.ts';
import { describe, highWatermarkAt, type Life, logStartAt, type PartitionTruth, type Truth } from './truth.ts';
import type { Check } from './verdict.ts';

/** When a call was made and when it was answered, in the world's time. */
export interface Interval {
  from: number;
  to: number;
}

/** Judges what clients were told by what is true. */
export interface Model {
  acknowledged(payload: Payload, offset: number, when: Interval): void;
  /** The answer says that the record was not appended. */
  refused(payload: Payload, code: string): void;
  /** A read of `topic[partition]` from `offset` on answered these records. */
  read(topic: string, partition: number, offset: number, records: readonly LogRecord[], when: Interval): void;
  /** A read at `offset` said that there is nothing yet. */
  nothing(topic: string, partition: number, offset: number, when: Interval): void;
  unknownTopic(topic: string, partition: number, when: Interval): void;
  /** The name is said to be taken. */
  exists(topic: string, when: Interval): void;
  /** A read failed because a segment was not there. */
  missing(what: string, when: Interval): void;
  outOfRange(topic: string, partition: number, offset: number, when: Interval): void;
  range(topic: string, partition: number, range: { earliest: number; latest: number }, when: Interval): void;
  offsetAt(
    topic: string,
    partition: number,
    timestamp: number,
    answer: { offset: number; timestamp: number } | undefined,
    when: Interval,
  ): void;
  /** A read from the log start to the end answered these records. */
  whole(topic: string, partition: number, records: readonly LogRecord[], when: Interval): void;
  /** A read from the log start on began here. */
  begins(topic: string, partition: number, offset: number, when: Interval): void;
  /** A process showed a high watermark. */
  watermark(process: string, topic: string, partition: number, highWatermark: number, when: Interval): void;
  isDeleted(topic: string, partition: number, offset: number): boolean;
  /** What a reader has still to read whose next offsets these are. */
  unread(who: string, topic: string, positions: Readonly<Record<number, number>>): string | undefined;
  /** Each list was sent to one partition in this order, so what of it is there is in this order. */
  inOrder(who: string, lists: readonly (readonly Payload[])[]): void;
  /** What must still hold at the end. */
  finish(): void;
}

/** How old what a process remembers of a head may be, of a topic, of a peek; milliseconds. */
const HEAD_AGE_MS = 1_000;
const TOPIC_AGE_MS = 5_000;
const PEEK_AGE_MS = 500;

/** `grace`: how long a segment outlives its last entry, milliseconds. A process that is alone remembers nothing that is old. */
export function createModel(
  truth: Truth,
  { grace, shared }: { grace: number; shared: boolean },
  violate: (check: Check, detail: string) => void,
): Model {
  const remembered = shared ? TOPIC_AGE_MS + HEAD_AGE_MS : 0;
  const visibleAfter = shared ? HEAD_AGE_MS + PEEK_AGE_MS : 0;
  const refused = new Map<Payload, string>();
  const ordered: { who: string; payloads: readonly Payload[] }[] = [];
  const watermarks = new Map<string, { value: number; at: number }>();

  /** Lives of the name that a call may have met, those included that its process may have remembered. */
  function livesDuring(topic: string, { from, to }: Interval, before = 0): Life[] {
    return truth.lives(topic).filter(({ created, deleted }) => created <= to && deleted >= from - before);
  }

  /** The partition, when the name had one life all through the call and before. */
  function steady(topic: string, partition: number, when: Interval): PartitionTruth | undefined {
    const [life, ...others] = livesDuring(topic, when, remembered);
    if (!life || others.length > 0 || life.created > when.from || life.deleted <= when.to) return undefined;
    return truth.partition({ topicId: life.id, partition });
  }

  function partitionsDuring(topic: string, partition: number, when: Interval): PartitionTruth[] {
    return livesDuring(topic, when, remembered).flatMap(({ id }) => truth.partition({ topicId: id, partition }) ?? []);
  }

  function judgeBegin(at: PartitionTruth, offset: number, when: Interval): void {
    if (offset >= logStartAt(at, when.from - 1e-6) && offset <= logStartAt(at, when.to)) return;
    violate('reads are true', `a read of ${describe(at)} from the log start on began at ${offset}`);
  }

  function judgeOrder(who: string, payloads: readonly Payload[]): void {
    const last = new Map<PartitionTruth, { offset: number; name: string }>();
    for (const { name } of payloads) {
      for (const { partition, offset } of truth.places(name)) {
        const before = last.get(partition);
        if (before && offset < before.offset) {
          const where = `they are at ${before.offset} and ${offset} of ${describe(partition)}`;
          violate('order of calls', `${who} sent ${before.name} before ${name}, ${where}`);
        }
        last.set(partition, { offset, name });
      }
    }
  }

  return {
    acknowledged(payload, offset, when) {
      const places = truth.places(payload.name);
      const lives = livesDuring(payload.topic, when);
      if (places.some((place) => place.offset === offset && lives.includes(place.life))) return;
      const seen = places.map((place) => `${describe(place.partition)} at ${place.offset}`).join(', ') || 'nowhere';
      violate('acknowledged is there', `${payload.name} was acknowledged at ${offset}, it is ${seen}`);
    },

    refused(payload, code) {
      refused.set(payload, code);
    },

    read(topic, partition, offset, records, when) {
      const what = `a read of ${topic}[${partition}] at ${offset}`;
      for (const [i, record] of records.entries()) {
        if (record.offset !== offset + i) {
          return violate('reads are true', `${what} answered ${record.offset} as its record ${i}`);
        }
        const payload = truth.payload(nameOf(record) ?? '');
        if (!payload || !isSame(record, payload)) {
          return violate(
            'nothing invented',
            `${what} answered something else than what was appended as ${nameOf(record)}`,
          );
        }
      }
      const candidates = partitionsDuring(topic, partition, when);
      const isThere = (at: PartitionTruth) =>
        records.every((record) => at.records[record.offset]?.name === nameOf(record));
      if (records.length > 0 && !candidates.some(isThere)) {
        violate('reads are true', `${what} answered ${records.length} records that are not there`);
      }
    },

    nothing(topic, partition, offset, when) {
      const at = steady(topic, partition, when);
      const due = at?.records[offset]?.at;
      if (at && due !== undefined && due < when.from - visibleAfter && offset >= logStartAt(at, when.to)) {
        const age = (when.from - due).toFixed(0);
        violate('reads are fresh', `a read of ${describe(at)} found nothing at ${offset}, appended ${age} ms before`);
      }
    },

    unknownTopic(topic, partition, when) {
      const life = truth
        .lives(topic)
        .find(
          ({ created, deleted, counts }) =>
            created <= when.from &&
            deleted > when.to &&
            counts.some((count) => count.since <= when.from && count.partitions > partition),
        );
      if (life) {
        violate('negative answers are true', `${topic}[${partition}] is said to be unknown, it is there all the time`);
      }
    },

    exists(topic, when) {
      if (livesDuring(topic, when).length > 0) return;
      violate('negative answers are true', `the name ${topic} is said to be taken, it is free`);
    },

    missing(what, { from, to }) {
      if (to - from + visibleAfter > grace) return;
      violate('plans hold', `${what} found a segment gone after ${(to - from).toFixed(0)} ms`);
    },

    outOfRange(topic, partition, offset, when) {
      const at = steady(topic, partition, when);
      if (!at) return;
      if (offset < logStartAt(at, when.to) || offset > highWatermarkAt(at, when.from - 1e-6)) return;
      violate('negative answers are true', `${offset} is said to be out of the range of ${describe(at)}`);
    },

    range(topic, partition, { earliest, latest }, when) {
      const at = steady(topic, partition, when);
      if (!at) return;
      const fits = (value: number, low: number, high: number) => value >= low && value <= high;
      if (!fits(latest, highWatermarkAt(at, when.from - 1e-6), highWatermarkAt(at, when.to))) {
        violate('reads are fresh', `${describe(at)} is said to end at ${latest}, it ends at ${at.records.length}`);
      }
      if (!fits(earliest, logStartAt(at, when.from - 1e-6), logStartAt(at, when.to))) {
        violate('reads are fresh', `${describe(at)} is said to begin at ${earliest}`);
      }
    },

    offsetAt(topic, partition, timestamp, answer, when) {
      const at = steady(topic, partition, when);
      if (!at) return;
      const what = `the offset of ${timestamp} in ${describe(at)}`;
      const record = answer && at.records[answer.offset];
      if (answer && record?.timestamp !== answer.timestamp) {
        return violate('offset by time', `${what} is said to be ${answer.offset}, of another time`);
      }
      if (answer && (answer.timestamp < timestamp || answer.offset < logStartAt(at, when.from - 1e-6))) {
        return violate('offset by time', `${what} is said to be ${answer.offset}, which does not count`);
      }
      const end = highWatermarkAt(at, when.from - 1e-6);
      const end2 = answer ? Math.min(end, answer.offset) : end;
      for (let offset = logStartAt(at, when.to); offset < end2; offset++) {
        if (at.records[offset]!.timestamp < timestamp) continue;
        return violate('offset by time', `${what} is said to be ${answer?.offset}, it is ${offset}`);
      }
    },

    whole(topic, partition, records, when) {
      const at = steady(topic, partition, when);
      if (!at) return;
      const what = `a read of all of ${describe(at)}`;
      const end = highWatermarkAt(at, when.from - 1e-6);
      const [first, last] = [records[0], records.at(-1)];
      if (!first || !last) {
        if (end > logStartAt(at, when.to)) violate('reads are true', `${what} found nothing, it ends at ${end}`);
      } else if (last.offset + 1 < end) {
        violate('reads are true', `${what} ended at ${last.offset + 1}, it ends at ${end}`);
      } else {
        judgeBegin(at, first.offset, when);
      }
    },

    begins(topic, partition, offset, when) {
      const at = steady(topic, partition, when);
      if (at) judgeBegin(at, offset, when);
    },

    watermark(process, topic, partition, highWatermark, when) {
      const at = steady(topic, partition, when);
      if (!at) return;
      const key = `${process} ${at.topicId}#${partition}`;
      const seen = watermarks.get(key);
      if (seen && seen.at < when.from && highWatermark < seen.value) {
        violate(
          'watermarks rise',
          `${process} showed ${seen.value} as the end of ${describe(at)}, then ${highWatermark}`,
        );
      }
      if (highWatermark > highWatermarkAt(at, when.to)) {
        violate('reads are true', `${process} shows ${highWatermark} as the end of ${describe(at)}, which ends before`);
      }
      if (!seen || seen.value < highWatermark) watermarks.set(key, { value: highWatermark, at: when.to });
    },

    isDeleted(topic, partition, offset) {
      const life = truth.lives(topic).at(-1);
      const at = life && truth.partition({ topicId: life.id, partition });
      return at !== undefined && offset < at.logStarts.at(-1)!.offset;
    },

    unread(who, topic, positions) {
      const life = truth.lives(topic).at(-1)!;
      for (let partition = 0; partition < life.counts.at(-1)!.partitions; partition++) {
        const at = truth.partition({ topicId: life.id, partition })!;
        const end = at.records.length;
        if (end === at.logStarts.at(-1)!.offset || positions[partition] === end) continue;
        return `${who} came to ${positions[partition]} in ${describe(at)}, which ends at ${end}`;
      }
      return undefined;
    },

    inOrder(who, lists) {
      for (const payloads of lists) ordered.push({ who, payloads });
    },

    finish() {
      for (const { who, payloads } of ordered) judgeOrder(who, payloads);
      for (const [{ name }, code] of refused) {
        const [place] = truth.places(name);
        if (!place) continue;
        violate('refused is not there', `${name} was refused with ${code}, it is in ${describe(place.partition)}`);
      }
    },
  };
}
