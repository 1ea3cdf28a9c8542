/**
 * What whoever asks may do, one bit for each operation (KIP-430). There are no ACLs: as in Kafka without an authorizer that is all
 * that a resource allows.
 */

/** In place of operations that were not asked for. */
export const NOT_TOLD = -(2 ** 31);

/** Kafka's numbers (`AclOperation`). */
const BIT = {
  read: 1 << 3,
  write: 1 << 4,
  create: 1 << 5,
  delete: 1 << 6,
  alter: 1 << 7,
  describe: 1 << 8,
  clusterAction: 1 << 9,
  describeConfigs: 1 << 10,
  alterConfigs: 1 << 11,
  idempotentWrite: 1 << 12,
} as const;

const all = (...operations: (keyof typeof BIT)[]) => operations.reduce((bits, one) => bits | BIT[one], 0);

const OPERATIONS = {
  topic: all('read', 'write', 'create', 'describe', 'delete', 'alter', 'describeConfigs', 'alterConfigs'),
  group: all('read', 'describe', 'delete', 'describeConfigs', 'alterConfigs'),
  cluster: all('create', 'clusterAction', 'describeConfigs', 'alterConfigs', 'idempotentWrite', 'alter', 'describe'),
} as const;

export function authorizedOperations(resource: keyof typeof OPERATIONS, asked: boolean): number {
  return asked ? OPERATIONS[resource] : NOT_TOLD;
}
