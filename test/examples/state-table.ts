import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type StateTable, stateTable } from '../../examples/streams/state.ts';
import { startDynoxide } from '../support/dynoxide.ts';

export interface RunningState extends AsyncDisposable {
  /** What a function's environment has, to find the table. */
  environment: Record<string, string>;
  open(): StateTable;
}

/** An empty table of the processors, in an engine of its own. */
export async function startState(): Promise<RunningState> {
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
  const { region, credentials, endpoint } = engine.client;
  return {
    environment: {
      STATE_TABLE: 'state',
      AWS_ENDPOINT_URL_DYNAMODB: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    open: () => stateTable(dynamodb, 'state'),
    async [Symbol.asyncDispose]() {
      dynamodb.destroy();
      await engine.stop();
    },
  };
}
