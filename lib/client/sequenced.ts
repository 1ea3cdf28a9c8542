import { type AppendAnswer, type AppendedRecord, appendedOf, type NewRecord } from './records.ts';
import { path, type Requests } from './requests.ts';

/** Who appends, as the log knows it: a new one begins in every partition at sequence 0. */
export interface ProducerIdentity {
  producerId: number;
  producerEpoch: number;
}

/** Which of the producer's records for the partition the first of a batch is, counted from 0. */
export interface BatchSequence extends ProducerIdentity {
  sequence: number;
}

/**
 * Appends without duplicates for those who keep the sequence themselves, such as a function that keeps it with its state and may
 * be another process the next time. Who has nowhere to keep it takes `producer()`.
 */
export interface SequencedAppends {
  initProducer(options?: { signal?: AbortSignal }): Promise<ProducerIdentity>;
  /**
   * One request for one batch: all of `records`, or none. Sent again as it was, by whomever, it is appended once, and the repeat
   * answers the first offsets, or DUPLICATE_SEQUENCE_NUMBER when many batches came after it. OUT_OF_ORDER_SEQUENCE_NUMBER when one
   * before it is missing, UNKNOWN_PRODUCER_ID when the log has forgotten the producer, after a week without a batch.
   */
  appendBatch(
    topic: string,
    partition: number,
    records: readonly NewRecord[],
    sequence: BatchSequence,
    options?: { signal?: AbortSignal },
  ): Promise<AppendedRecord[]>;
}

export function sequencedAppends(requests: Requests): SequencedAppends {
  return {
    async initProducer(options) {
      type Answer = { producer_id: number; producer_epoch: number };
      const { producer_id, producer_epoch } = await requests.json<Answer>('POST', '/api/producers', options);
      return { producerId: producer_id, producerEpoch: producer_epoch };
    },
    appendBatch: (topic, partition, records, sequence, options) =>
      postBatch(
        requests,
        topic,
        partition,
        records.map((record) => JSON.stringify(record)),
        sequence,
        options,
      ),
  };
}

/** As `SequencedAppends.appendBatch`, of the records' JSON texts. */
export async function postBatch(
  { json }: Requests,
  topic: string,
  partition: number,
  records: readonly string[],
  { producerId, producerEpoch, sequence }: BatchSequence,
  options?: { signal?: AbortSignal },
): Promise<AppendedRecord[]> {
  const where = path`/api/topics/${topic}/partitions/${partition}/records`;
  return appendedOf(
    await json<AppendAnswer>('POST', where, {
      query: { producer_id: producerId, producer_epoch: producerEpoch, sequence },
      body: `{"records":[${records.join(',')}]}`,
      ...options,
    }),
  );
}
