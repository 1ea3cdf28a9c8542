/** Charges each order once, however often its record is delivered. */
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { kafkaConsumer, SchemaType } from '@aws-lambda-powertools/kafka';

interface Order {
  id: string;
  amount: number;
}

const config = new IdempotencyConfig({
  eventKeyJmesPath: 'id',
  throwOnNoIdempotencyKey: true,
  // Longer than a record may be tried.
  expiresAfterSeconds: 24 * 60 * 60,
});
const charge = makeIdempotent(
  async (order: Order) => {
    // A function that ends between the charge and the note of it charges again: the key tells the payment service.
    const headers = { 'idempotency-key': order.id };
    const answer = await fetch(process.env.PAYMENTS_URL!, { method: 'POST', headers, body: JSON.stringify(order) });
    if (!answer.ok) throw new Error(`order ${order.id} was not charged: ${answer.status}`);
    return { charged: order.amount };
  },
  { persistenceStore: new DynamoDBPersistenceLayer({ tableName: process.env.CHARGES_TABLE! }), config },
);

export const handler = kafkaConsumer<string, Order>(
  async ({ records }, context) => {
    // One that ended in the middle of a charge blocks it only for as long as it could have run.
    config.registerLambdaContext(context);
    for (const { value } of records) await charge(value);
  },
  { value: { type: SchemaType.JSON } },
);
