import { randomInt, randomUUID } from 'node:crypto';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../lib/clock.ts';
import { createTable } from '../../../../lib/stores/catalog/dynamodb/table.ts';
import { RIGHT } from '../../../faults/append-history.ts';
import { DOUBLING, tryAppends, USUAL } from '../../../faults/append-trial.ts';
import { dynamodbLocal } from '../../../support/dynamodb-local.ts';

const SEED = Number(process.env.FAULT_SEED ?? randomInt(2 ** 31));

describe('appends to DynamoDB Local under faults', () => {
  const table = `varve-${randomUUID()}`;
  let client: Awaited<ReturnType<typeof dynamodbLocal>>;
  beforeAll(async () => {
    client = await dynamodbLocal();
    await createTable({ client, table, clock: systemClock });
  });
  afterAll(async () => {
    const admin = new DynamoDBClient(client);
    await admin.send(new DeleteTableCommand({ TableName: table }));
    admin.destroy();
  });

  it.each([
    ['cancel', USUAL],
    ['self', DOUBLING],
  ] as const)(`lose, double and misplace nothing with the %s mark (FAULT_SEED=${SEED})`, async (mark, faults) => {
    const verdict = await tryAppends({
      client,
      table,
      seed: SEED,
      mark,
      faults,
      partitions: 2,
      appends: 8,
    });

    expect(verdict).toMatchObject(RIGHT);
    expect(verdict.acknowledged).toBeGreaterThan(150);
  });
});
