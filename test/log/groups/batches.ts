import type { ConsumedBatch, Consumer } from '../../../lib/log/groups/consumer.ts';

export const valuesOf = ({ records }: ConsumedBatch) => records.map(({ value }) => Buffer.from(value!).toString());
export const numbered = (from: number, to: number, partition = 0) =>
  Array.from({ length: to - from }, (_, i) => ({ value: String(from + i), partition }));

export async function nextBatch(consumer: Consumer): Promise<ConsumedBatch> {
  const { done, value } = await consumer[Symbol.asyncIterator]().next();
  if (done) throw new Error('the consumer has ended');
  return value;
}

/** Batches until there are this many records. */
export async function take(consumer: Consumer, records: number): Promise<ConsumedBatch[]> {
  const batches: ConsumedBatch[] = [];
  for (let count = 0; count < records; count += batches.at(-1)!.records.length) batches.push(await nextBatch(consumer));
  return batches;
}
