import { CreateTableCommand, DynamoDBClient, PutItemCommand, paginateScan } from '@aws-sdk/client-dynamodb';
import type { DynamodbInput, Hook } from './transport.ts';

/** A replica of a table that lags: while it is held, eventually consistent reads see the table as it was then. */
export interface Replica {
  /** Between a process and the table. */
  hook: Hook;
  /** The partition keys of GetItem requests that were strongly consistent, in order. */
  readonly strong: string[];
  hold(): Promise<void>;
  release(): void;
}

/** DynamoDB bounds neither how old an eventually consistent read may be, nor promises that the next is not older. */
export function createReplica(
  client: ConstructorParameters<typeof DynamoDBClient>[0],
  table: string,
  makeName: () => string,
): Replica {
  const strong: string[] = [];
  let held: string | undefined;

  return {
    strong,

    async hook(request, send) {
      const { operation, input } = request;
      if (operation === 'GetItem' && input.ConsistentRead) strong.push(input.Key?.pk?.S ?? '');
      const replica = held;
      if (!replica || !isEventual(operation, input)) return send();
      if (operation !== 'BatchGetItem') return send({ ...request, input: { ...input, TableName: replica } });
      const reply = await send({
        ...request,
        input: { ...input, RequestItems: renamed(input.RequestItems!, replica) },
      });
      const answer = JSON.parse(reply.body.toString()) as {
        Responses?: Record<string, unknown>;
        UnprocessedKeys?: Record<string, unknown>;
      };
      const { Responses = {}, UnprocessedKeys = {} } = answer;
      const body = { Responses: renamed(Responses, table), UnprocessedKeys: renamed(UnprocessedKeys, table) };
      const { 'x-amz-crc32': _, ...headers } = reply.headers;
      return { ...reply, headers, body: Buffer.from(JSON.stringify({ ...answer, ...body })) };
    },

    async hold() {
      const name = makeName();
      const dynamodb = new DynamoDBClient(client!);
      await dynamodb.send(
        new CreateTableCommand({
          TableName: name,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const })),
          KeySchema: [
            { AttributeName: 'pk', KeyType: 'HASH' },
            { AttributeName: 'sk', KeyType: 'RANGE' },
          ],
        }),
      );
      for await (const { Items = [] } of paginateScan({ client: dynamodb }, { TableName: table })) {
        for (const Item of Items) await dynamodb.send(new PutItemCommand({ TableName: name, Item }));
      }
      dynamodb.destroy();
      held = name;
    },

    release() {
      held = undefined;
    },
  };
}

function isEventual(operation: string, { ConsistentRead, RequestItems = {} }: DynamodbInput): boolean {
  if (operation === 'BatchGetItem') return Object.values(RequestItems).every((one) => !one.ConsistentRead);
  return (operation === 'GetItem' || operation === 'Query') && !ConsistentRead;
}

/** What one table answers, under another one's name. */
function renamed<T>(byTable: Record<string, T>, name: string): Record<string, T> {
  return Object.fromEntries(Object.values(byTable).map((one) => [name, one]));
}
