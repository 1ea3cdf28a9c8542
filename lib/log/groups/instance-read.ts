import pLimit from 'p-limit';
import { sleep } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { LogRecord } from '../../format/records/record.ts';
import { AWAITED_MS, NOW } from '../heads.ts';
import { offsetOf } from '../offset-of.ts';
import { isUnknownTopic, unknownTopic } from '../topic-name.ts';
import type { InstanceDeps } from './instance-membership.ts';
import type { InstanceState, Place } from './instance-state.ts';

export interface PollOptions {
  /** Called first, with the instance's format: throws what keeps the poll from being answered. */
  begin(format: string): void;
  /** Is given record by record, of each partition in order; false: there is no room for this one. What throws ends the poll, and nothing was given. */
  take(topic: string, partition: number, record: LogRecord): boolean;
  /** Bytes of keys and values, about; at least one record. */
  maxBytes: number;
  /** Milliseconds; the instance's own when absent. At most `maxWait`. */
  wait?: number;
  maxWait: number;
  signal?: AbortSignal;
}

const LOOK_UPS_AT_ONCE = 16;

/** Gives what there is at the places, in turn, waits for the first if there is nothing, and answers where the places are then. */
export async function readPlaces(
  deps: InstanceDeps,
  state: InstanceState,
  options: PollOptions,
): Promise<InstanceState> {
  const { reader, heads, clock } = deps;
  const { take, maxBytes, signal } = options;
  const until = clock.monotonic() + Math.min(options.wait ?? state.wait, options.maxWait);
  const waits = until > clock.monotonic();
  const lookUps = pLimit(LOOK_UPS_AT_ONCE);
  const places = [...state.places];
  let bytes = 0;
  let isFull = false;

  async function resolve({ topic, next, ...of }: Place): Promise<number> {
    if (typeof next === 'number') return next;
    const head = await heads.get(of, NOW);
    if (!head) throw unknownTopic(topic);
    return offsetOf(reader, of, head, next === 'reset' ? state.autoOffsetReset : next);
  }

  /** Where the place is, and whether there is something; undefined when its partition is gone. */
  async function look(place: Place): Promise<{ place: Place; next: number; hasMore: boolean } | undefined> {
    try {
      const next = await resolve(place);
      const head = await heads.get(place, waits ? AWAITED_MS : undefined);
      return { place: { ...place, next }, next, hasMore: head?.highWatermark !== next };
    } catch (error) {
      if (isUnknownTopic(error)) return undefined;
      throw error;
    }
  }

  async function read(place: Place, from: number): Promise<Place> {
    try {
      const { records, next } = await reader.poll(place, from, { maxBytes, ...(signal && { signal }) });
      for (const record of records) {
        const size = (record.key?.length ?? 0) + (record.value?.length ?? 0);
        isFull = (bytes > 0 && bytes + size > maxBytes) || !take(place.topic, place.partition, record);
        if (isFull) return { ...place, next: record.offset };
        bytes += size + 1;
      }
      return { ...place, next };
    } catch (error) {
      if (!(error instanceof VarveError && error.code === 'OFFSET_OUT_OF_RANGE')) throw error;
      // Deleted: the next look says where the instance wants to begin then. A place that was set is so no longer.
      return { ...place, next: 'reset', isSet: true };
    }
  }

  for (;;) {
    const seen = await lookUps.map(places, look);
    for (let k = 0; k < places.length; k++) {
      const i = (state.turn + k) % places.length;
      const one = seen[i];
      if (one) places[i] = one.hasMore && !isFull ? await read(one.place, one.next) : one.place;
    }
    const left = until - clock.monotonic();
    if (isFull || bytes >= Math.max(state.minBytes, 1) || left <= 0 || signal?.aborted) break;
    if (seen.some((one) => one?.hasMore)) continue;
    const waiting = seen.flatMap((one) => (one ? [{ of: one.place, offset: one.next }] : []));
    if (waiting.length > 0) await heads.wait(waiting, left, signal);
    else await sleep(clock, left, signal);
  }
  return { ...state, places, turn: (state.turn + 1) % Math.max(places.length, 1) };
}
