/** A function under test: a consumer as Powertools' documentation has it. */
import { kafkaConsumer, SchemaType } from '@aws-lambda-powertools/kafka';
import { note } from './note.ts';

export const handler = kafkaConsumer<string, unknown>(
  async ({ records }) => {
    const at = Date.now();
    const { topic, partition } = records[0]!;
    const offsets = records.map(({ offset }) => offset);
    const values = records.map(({ key, value, headers }) => ({ key, value, headers }));
    await note({ topic, partition, at, code: 'powertools', offsets, values });
  },
  { key: { type: SchemaType.JSON }, value: { type: SchemaType.JSON } },
);
