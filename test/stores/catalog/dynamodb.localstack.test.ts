import { randomUUID } from 'node:crypto';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { systemRandom } from '../../../lib/ids.ts';
import { type DynamodbOptions, openDynamodb } from '../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { catalogContract } from '../../contract/catalog.ts';
import { dynamodbLocal } from '../../support/dynamodb-local.ts';

// The reference engine of DynamoDB, and the mark that functions use; `npm test` has both marks on an engine that is faster.
catalogContract('DynamoDB Local', async (clock) => {
  const client = await dynamodbLocal();
  const table = `varve-${randomUUID()}`;
  const options: DynamodbOptions = { client, table, clock, random: systemRandom };
  const open = await openDynamodb({ ...options, createTable: true });
  const catalogs = [open];
  const openAnother = async () => {
    const another = await openDynamodb(options);
    catalogs.push(another);
    return another;
  };
  return {
    catalog: open,
    another: openAnother,
    reopen: async () => {
      await Promise.all(catalogs.splice(0).map((catalog) => catalog.close()));
      return openAnother();
    },
    cleanup: async () => {
      await Promise.all(catalogs.map((catalog) => catalog.close()));
      const admin = new DynamoDBClient(client);
      await admin.send(new DeleteTableCommand({ TableName: table }));
      admin.destroy();
    },
  };
});
