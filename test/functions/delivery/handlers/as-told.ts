/** A function under test, typed by @types/aws-lambda: it notes each invocation, and then does as the records' values say. */
import type { SelfManagedKafkaEvent } from 'aws-lambda';
import { note } from './note.ts';

/** Of the bundle. */
declare const CODE: string;

export async function handler({ records }: SelfManagedKafkaEvent) {
  const at = Date.now();
  const batchItemFailures: object[] = [];
  for (const [name, batch] of Object.entries(records)) {
    const { topic, partition } = batch[0]!;
    const offsets = batch.map(({ offset }) => offset);
    const values = batch.map(({ value }) => JSON.parse(Buffer.from(value, 'base64').toString()) as unknown);
    await note({ topic, partition, at, code: CODE, offsets, values });
    for (const [i, value] of values.entries()) {
      if (value === 'throw') throw new Error('as told');
      if (value === 'exit') process.exit(3);
      if (value === 'time out') await new Promise((resolve) => setTimeout(resolve, 600_000));
      if (value === 'report') batchItemFailures.push({ itemIdentifier: { partition: name, offset: offsets[i] } });
    }
  }
  return { batchItemFailures };
}
