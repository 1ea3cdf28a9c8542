import type { ProducerBatch } from '../partitions.ts';

/**
 * An idempotent producer in one partition is one number: epoch (up to 5 digits), next sequence (10), base offset of its last
 * batch (16). A batch in sequence lies in a range of such numbers, and adding the old high watermark to a number without its
 * last digits gives the next state.
 */
export interface ProducerState {
  epoch: number;
  /** The sequence that its next batch begins with. */
  next: number;
  /** Base offset of its last batch. */
  base: number;
}

const BASE = 10n ** 16n;
const NEXT = 10n ** 10n;
/** Sequences run from 0 to 2^31 - 1 and around. */
const SEQUENCES = 2 ** 31;

export function pack(state: ProducerState): bigint {
  return (BigInt(state.epoch) * NEXT + BigInt(state.next)) * BASE + BigInt(state.base);
}

export function unpack(number: bigint): ProducerState {
  return {
    epoch: Number(number / (NEXT * BASE)),
    next: Number((number / BASE) % NEXT),
    base: Number(number % BASE),
  };
}

/** Every state, whatever its base offset, whose next batch is (epoch, sequence). */
export function statesBefore({ epoch, sequence }: Omit<ProducerBatch, 'id'>): { low: bigint; high: bigint } {
  const low = pack({ epoch, next: sequence, base: 0 });
  return { low, high: low + BASE - 1n };
}

export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES;
}

export function sequenceBefore(next: number): number {
  return (next - 1 + SEQUENCES) % SEQUENCES;
}

export type Verdict =
  /** The condition under which it may be appended: the producer `known` and in sequence, of a lower `epoch`, or `absent`. */
  | { status: 'accept'; when: 'known' | 'epoch' | 'absent' }
  | { status: 'duplicate'; base: number }
  /** Before the next sequence, and not the last batch: its offset is found among the entries, or no longer. */
  | { status: 'older' }
  | { status: 'refused'; code: 'INVALID_PRODUCER_EPOCH' | 'OUT_OF_ORDER_SEQUENCE_NUMBER' | 'UNKNOWN_PRODUCER_ID' };

/** Judges a batch of `count` records by what is known of its producer. */
export function judge(state: ProducerState | undefined, { epoch, sequence }: ProducerBatch, count: number): Verdict {
  if (!state) {
    return sequence === 0 ? { status: 'accept', when: 'absent' } : { status: 'refused', code: 'UNKNOWN_PRODUCER_ID' };
  }
  if (epoch < state.epoch) return { status: 'refused', code: 'INVALID_PRODUCER_EPOCH' };
  if (epoch > state.epoch) {
    return sequence === 0
      ? { status: 'accept', when: 'epoch' }
      : { status: 'refused', code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' };
  }
  if (sequence === state.next) return { status: 'accept', when: 'known' };
  if (sequenceAfter(sequence, count) === state.next) return { status: 'duplicate', base: state.base };
  const behind = (state.next - sequence + SEQUENCES) % SEQUENCES;
  // What was appended in part only is no repeat: taken for one, the rest of it would be lost.
  const isRepeat = behind <= SEQUENCES / 2 && behind >= count;
  return isRepeat ? { status: 'older' } : { status: 'refused', code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' };
}
