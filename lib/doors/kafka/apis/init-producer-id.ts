/**
 * InitProducerId, versions 0 to 5: an id for an idempotent producer.
 *
 * Whoever asks without a transactional id gets a new producer id at epoch 0, whatever id and epoch it names (KIP-360): Kafka does the
 * same. Transactional ids are refused with TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which clients take for final: there are no
 * transactions yet.
 */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { int16, int32, int64, nullable, since, string, struct } from '../protocol/schema.ts';

export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexible: 2,
  request: struct({
    transactionalId: nullable(string),
    transactionTimeoutMs: int32,
    producerId: since(3, int64, -1),
    producerEpoch: since(3, int16, -1),
  }),
  response: struct({ throttleTimeMs: int32, errorCode: int16, producerId: int64, producerEpoch: int16 }),
  async handle({ transactionalId }, { gateway: { log } }) {
    if (transactionalId !== null) {
      const errorCode = numberOf('TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
      return { throttleTimeMs: 0, errorCode, producerId: -1, producerEpoch: -1 };
    }
    const { id, epoch } = await log.allocateProducer();
    return { throttleTimeMs: 0, errorCode: NO_ERROR, producerId: id, producerEpoch: epoch };
  },
});
