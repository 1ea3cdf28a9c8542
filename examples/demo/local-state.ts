import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startDynoxide } from '../../test/support/dynoxide.ts';
import { type StateTable, stateTable } from '../streams/state.ts';

export interface LocalState {
  /** As another process would. */
  open(): StateTable;
  close(): Promise<void>;
}

/** An empty table of the processors, in a DynamoDB engine of its own, in memory. */
export async function startLocalState(): Promise<LocalState> {
  const engine = await startDynoxide();
  const dynamodb = new DynamoDBClient(engine.client);
  await dynamodb.send(
    new CreateTableCommand({
      TableName: 'state',
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  return {
    open: () => stateTable(dynamodb, 'state'),
    async close() {
      dynamodb.destroy();
      await engine.stop();
    },
  };
}
