import { randomUUID } from 'node:crypto';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { systemRandom } from '../../../lib/ids.ts';
import { type DynamodbOptions, openDynamodb } from '../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable } from '../../../lib/stores/catalog/dynamodb/table.ts';
import { catalogContract, openShared } from '../../contract/catalog.ts';
import { dynamodbLocal } from '../../support/dynamodb-local.ts';

// The reference engine of DynamoDB, and the mark that functions use; `npm test` has both marks on an engine that is faster.
catalogContract('DynamoDB Local', async (clock) => {
  const client = await dynamodbLocal();
  const table = `varve-${randomUUID()}`;
  const options: DynamodbOptions = { client, table, clock, random: systemRandom };
  await createTable(options);
  return openShared(
    () => openDynamodb(options),
    async () => {
      const admin = new DynamoDBClient(client);
      await admin.send(new DeleteTableCommand({ TableName: table }));
      admin.destroy();
    },
  );
});
