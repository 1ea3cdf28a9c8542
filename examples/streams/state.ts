import {
  BatchGetItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';

/** Something that is remembered, as JSON. */
export interface Item<Value> {
  readonly key: string;
  /** Counts its changes; 0 when nothing is remembered yet. */
  version: number;
  value: Value | undefined;
}

/** A table with the partition key `pk`. */
export interface StateTable {
  /** As they are now: up to 100 different keys, in their order. */
  read(keys: readonly string[]): Promise<Item<unknown>[]>;
  /** All of them, up to 100, or none: rejects when one was changed since it was read. Raises their versions. */
  write(items: readonly Item<unknown>[]): Promise<void>;
}

export function stateTable(dynamodb: DynamoDBClient, table: string): StateTable {
  return {
    async read(keys) {
      const found = new Map<string | undefined, { version: number; value: unknown }>();
      let left = keys.map((key) => ({ pk: { S: key } }));
      while (left.length > 0) {
        const { Responses = {}, UnprocessedKeys = {} } = await dynamodb.send(
          new BatchGetItemCommand({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } }),
        );
        for (const { pk, version, json } of Responses[table] ?? []) {
          found.set(pk?.S, { version: Number(version?.N), value: JSON.parse(json?.S ?? 'null') });
        }
        left = (UnprocessedKeys[table]?.Keys ?? []) as typeof left;
      }
      return keys.map((key) => ({ key, ...(found.get(key) ?? { version: 0, value: undefined }) }));
    },
    async write(items) {
      const puts = items.map(({ key, version, value }) => ({
        TableName: table,
        Item: { pk: { S: key }, version: { N: `${version + 1}` }, json: { S: JSON.stringify(value ?? null) } },
        ConditionExpression: version === 0 ? 'attribute_not_exists(pk)' : 'version = :version',
        ...(version > 0 && { ExpressionAttributeValues: { ':version': { N: `${version}` } } }),
      }));
      const [only] = puts;
      if (puts.length === 1 && only) await dynamodb.send(new PutItemCommand(only));
      else await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: puts.map((put) => ({ Put: put })) }));
      for (const item of items) item.version++;
    },
  };
}
