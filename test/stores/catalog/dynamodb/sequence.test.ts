import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge, pack, sequenceAfter, statesBefore, unpack } from '../../../../lib/stores/catalog/dynamodb/sequence.ts';

const epoch = fc.nat(32_767);
const sequence = fc.nat(2 ** 31 - 1);
const offset = fc.maxSafeNat();
const state = fc.record({ epoch, next: sequence, base: offset });

describe('the number that is a producer', () => {
  it('says epoch, next sequence and base offset, in 38 digits', () => {
    fc.assert(
      fc.property(state, (state) => {
        expect(unpack(pack(state))).toEqual(state);
        expect(pack(state).toString().length).toBeLessThanOrEqual(38);
      }),
    );
  });

  it('sorts by epoch, then by next sequence', () => {
    fc.assert(
      fc.property(state, state, (a, b) => {
        const order = a.epoch - b.epoch || a.next - b.next;
        if (order < 0) expect(pack(a) < pack(b)).toBe(true);
      }),
    );
  });

  it('lies in the range of the batch that is next, wherever the last one lies, and in no other', () => {
    fc.assert(
      fc.property(state, epoch, sequence, (state, otherEpoch, otherSequence) => {
        const within = (batch: { epoch: number; sequence: number }) => {
          const { low, high } = statesBefore(batch);
          return low <= pack(state) && pack(state) <= high;
        };
        expect(within({ epoch: state.epoch, sequence: state.next })).toBe(true);
        fc.pre(otherEpoch !== state.epoch || otherSequence !== state.next);
        expect(within({ epoch: otherEpoch, sequence: otherSequence })).toBe(false);
      }),
    );
  });

  it('becomes the next state when the old high watermark is added', () => {
    fc.assert(
      fc.property(epoch, sequence, fc.nat(2 ** 40), fc.nat(10_000), (epoch, next, highWatermark, before) => {
        const added = pack({ epoch, next, base: before }) + BigInt(highWatermark);
        expect(unpack(added)).toEqual({ epoch, next, base: highWatermark + before });
      }),
    );
  });
});

describe('a batch judged by its producer’s state', () => {
  const batch = (epoch: number, sequence: number) => ({ id: 1, epoch, sequence });

  it('is accepted in sequence, also across the end of sequences, and then a duplicate', () => {
    fc.assert(
      fc.property(state, fc.integer({ min: 1, max: 100_000 }), offset, (state, count, base) => {
        const next = batch(state.epoch, state.next);
        expect(judge(state, next, count)).toEqual({ status: 'accept', when: 'known' });
        const after = { epoch: state.epoch, next: sequenceAfter(state.next, count), base };
        expect(judge(after, next, count)).toEqual({ status: 'duplicate', base });
      }),
    );
  });

  it('behind its last one is old, ahead of the next one out of order', () => {
    fc.assert(
      fc.property(
        state,
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 2 ** 30 - 2_000 }),
        (state, count, gap) => {
          const behind = (state.next - count - gap + 2 ** 32) % 2 ** 31;
          const ahead = (state.next + gap) % 2 ** 31;
          expect(judge(state, batch(state.epoch, behind), count).status).toBe('older');
          expect(judge(state, batch(state.epoch, ahead), count)).toEqual({
            status: 'refused',
            code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
          });
        },
      ),
    );
  });

  it('of another epoch or an unknown producer begins at sequence 0', () => {
    const known = { epoch: 5, next: 10, base: 100 };

    expect(judge(known, batch(4, 10), 1)).toEqual({ status: 'refused', code: 'INVALID_PRODUCER_EPOCH' });
    expect(judge(known, batch(6, 0), 1)).toEqual({ status: 'accept', when: 'epoch' });
    expect(judge(known, batch(6, 10), 1)).toEqual({ status: 'refused', code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
    expect(judge(undefined, batch(6, 0), 1)).toEqual({ status: 'accept', when: 'absent' });
    expect(judge(undefined, batch(6, 10), 1)).toEqual({ status: 'refused', code: 'UNKNOWN_PRODUCER_ID' });
  });
});
