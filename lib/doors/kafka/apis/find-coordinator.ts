/**
 * FindCoordinator, versions 0 to 6: who coordinates a group. Here that is this gateway, for all groups; several keys at once since
 * version 4 (KIP-699). Share groups (version 6, KIP-932) are INVALID_REQUEST, as where Kafka has none. Transactions have no coordinator yet: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which clients take for final;
 * after anything else librdkafka would ask for as long as its application waits.
 */
import { type Call, defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { array, int8, int16, int32, nullable, since, string, struct, until } from '../protocol/schema.ts';

const GROUP = 0;
const TRANSACTION = 1;

export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexible: 3,
  request: struct({
    key: until(3, string),
    keyType: since(1, int8),
    coordinatorKeys: since(4, array(string)),
  }),
  response: struct({
    throttleTimeMs: since(1, int32),
    errorCode: until(3, int16),
    errorMessage: since(1, until(3, nullable(string))),
    nodeId: until(3, int32),
    host: until(3, string),
    port: until(3, int32),
    coordinators: since(
      4,
      array(
        struct({
          key: string,
          nodeId: int32,
          host: string,
          port: int32,
          errorCode: int16,
          errorMessage: nullable(string),
        }),
      ),
    ),
  }),
  handle({ key, keyType, coordinatorKeys }, call) {
    if (call.version < 4) return coordinator(call, keyType);
    const keys = coordinatorKeys.length > 0 ? coordinatorKeys : [key];
    return { coordinators: keys.map((one) => ({ key: one, ...coordinator(call, keyType) })) };
  },
});

function coordinator({ gateway, endpoint }: Call, keyType: number) {
  if (keyType === GROUP) {
    return { nodeId: gateway.config.nodeId, ...endpoint, errorCode: NO_ERROR, errorMessage: null };
  }
  const errorCode = numberOf(keyType === TRANSACTION ? 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' : 'INVALID_REQUEST');
  const errorMessage = 'Only groups have coordinators: there are no transactions yet.';
  return { nodeId: -1, host: '', port: -1, errorCode, errorMessage };
}
