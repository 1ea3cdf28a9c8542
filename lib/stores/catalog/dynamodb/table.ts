import {
  BatchGetItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { sleep } from '../../../clock.ts';
import { VarveError } from '../../../errors.ts';
import { type Answer, failure, nameOf } from './answer.ts';
import { type Item, type Marshalled, marshal, unmarshal, type Value } from './attributes.ts';
import { connect, type TableOptions } from './connection.ts';

export type { Answer } from './answer.ts';
export type { Item, StoredValue, Value } from './attributes.ts';
export type { TableOptions } from './connection.ts';

export interface Key {
  pk: string;
  sk: string;
}

export interface Condition {
  condition?: string;
  names?: Readonly<Record<string, string>>;
  values?: Readonly<Record<string, Value>>;
}

export interface Put extends Condition {
  item: Readonly<Record<string, Value>> & Key;
}

export interface Update extends Condition {
  key: Key;
  update: string;
  /** Which item is answered: after the update (default) or before it. Both cost nothing. */
  returns?: 'new' | 'old';
}

export interface Delete extends Condition {
  key: Key;
}

/** Items of one partition key whose sort keys lie in [from, to], in order. */
export interface Query {
  pk: string;
  from: string;
  to: string;
  descending?: boolean;
  limit?: number;
  consistent?: boolean;
  /** Leaves items out after they were read (and paid for). */
  filter?: string;
  values?: Readonly<Record<string, Value>>;
}

/** One DynamoDB table. Every method is one request, sent once; nothing here repeats, because only the caller knows what it may repeat. */
export interface Table {
  get(key: Key, options: { consistent: boolean }): Promise<Answer<Item | undefined>>;
  /** At most 100 keys, no two alike. `missed` were not read for lack of capacity or room. */
  batchGet(
    keys: readonly Key[],
    options: { consistent: boolean },
  ): Promise<Answer<{ items: Item[]; missed: readonly Key[] }>>;
  /** `after`: the sort key that the next query goes on behind; undefined at the end. */
  query(query: Query, after?: string): Promise<Answer<{ items: Item[]; after: string | undefined }>>;
  put(put: Put): Promise<Answer<void>>;
  update(update: Update): Promise<Answer<Item | undefined>>;
  /** Answers what was deleted. */
  delete(remove: Delete): Promise<Answer<Item | undefined>>;
  /** All or nothing, at most 100. The same `token` is applied once within 10 minutes. `refused.item` is the first that refused. */
  transact(writes: readonly ({ put: Put } | { delete: Delete })[], token: string): Promise<Answer<void>>;
  close(): void;
}

/** Beyond this an answer counts as lost. DynamoDB answers in 5 to 20 ms. */
const TIMEOUT_MS = 2_000;
const TABLE_READY_MS = 60_000;
/** Making a table takes longer than using one, most of all where it starts the engine. */
const MAKE_TIMEOUT_MS = 20_000;

export function openTable(options: TableOptions): Table {
  const { table: TableName, onUnits } = options;
  const { dynamodb, within } = connect(options, TIMEOUT_MS);
  let closed = false;
  const metered = onUnits ? { ReturnConsumedCapacity: 'TOTAL' as const } : {};

  async function answer<R, T>(
    operation: string,
    request: (options: { abortSignal: AbortSignal }) => Promise<R>,
    value: (response: R) => T,
  ): Promise<Answer<T>> {
    if (closed) return { status: 'rejected', cause: new VarveError('LOG_CLOSED', 'The log is closed; open it again.') };
    try {
      const response = await within(request);
      if (onUnits) onUnits(operation, unitsOf(response));
      return { status: 'ok', value: value(response) };
    } catch (cause) {
      return failure(cause);
    }
  }

  const item = ({ Item, Attributes }: { Item?: Marshalled | undefined; Attributes?: Marshalled | undefined }) => {
    const found = Item ?? Attributes;
    return found && unmarshal(found);
  };

  return {
    get: (key, { consistent }) =>
      answer(
        'get',
        (o) =>
          dynamodb.send(
            new GetItemCommand({ TableName, Key: marshal(key), ConsistentRead: consistent, ...metered }),
            o,
          ),
        item,
      ),

    batchGet: (keys, { consistent }) =>
      answer(
        'batchGet',
        (o) =>
          dynamodb.send(
            new BatchGetItemCommand({
              RequestItems: { [TableName]: { Keys: keys.map(marshal), ConsistentRead: consistent } },
              ...metered,
            }),
            o,
          ),
        ({ Responses, UnprocessedKeys }) => ({
          items: (Responses?.[TableName] ?? []).map(unmarshal),
          missed: (UnprocessedKeys?.[TableName]?.Keys ?? []).map((key) => unmarshal(key) as unknown as Key),
        }),
      ),

    query: ({ pk, from, to, descending = false, limit, consistent = false, filter, values = {} }, after) =>
      answer(
        'query',
        (o) =>
          dynamodb.send(
            new QueryCommand({
              TableName,
              KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
              ExpressionAttributeValues: marshal({ ...values, ':pk': pk, ':from': from, ':to': to }),
              ScanIndexForward: !descending,
              ConsistentRead: consistent,
              ...(limit !== undefined && { Limit: limit }),
              ...(filter !== undefined && { FilterExpression: filter }),
              ...(after !== undefined && { ExclusiveStartKey: marshal({ pk, sk: after }) }),
              ...metered,
            }),
            o,
          ),
        ({ Items = [], LastEvaluatedKey }) => ({ items: Items.map(unmarshal), after: LastEvaluatedKey?.sk?.S }),
      ),

    put: (put) =>
      answer(
        'put',
        (o) => dynamodb.send(new PutItemCommand({ TableName, ...putInput(put), ...metered }), o),
        () => undefined,
      ),

    update: ({ key, update, returns = 'new', ...conditional }) =>
      answer(
        'update',
        (o) =>
          dynamodb.send(
            new UpdateItemCommand({
              TableName,
              Key: marshal(key),
              UpdateExpression: update,
              ReturnValues: returns === 'new' ? 'ALL_NEW' : 'ALL_OLD',
              ...conditionInput(conditional),
              ...metered,
            }),
            o,
          ),
        item,
      ),

    delete: ({ key, ...conditional }) =>
      answer(
        'delete',
        (o) =>
          dynamodb.send(
            new DeleteItemCommand({
              TableName,
              Key: marshal(key),
              ReturnValues: 'ALL_OLD',
              ...conditionInput(conditional),
              ...metered,
            }),
            o,
          ),
        item,
      ),

    transact: (writes, token) =>
      answer(
        'transact',
        (o) =>
          dynamodb.send(
            new TransactWriteItemsCommand({
              ClientRequestToken: token,
              TransactItems: writes.map((write): TransactWriteItem => {
                if ('put' in write) return { Put: { TableName, ...putInput(write.put) } };
                const { key, ...conditional } = write.delete;
                return { Delete: { TableName, Key: marshal(key), ...conditionInput(conditional) } };
              }),
              ...metered,
            }),
            o,
          ),
        () => undefined,
      ),

    close() {
      closed = true;
      dynamodb.destroy();
    },
  };
}

/** Makes the table (on demand, stream of new images) unless it exists, and waits until it can be used. KAFKA_STORAGE_ERROR when that takes a minute. */
export async function createTable(options: TableOptions): Promise<void> {
  const { table: TableName, clock } = options;
  const { dynamodb, within } = connect(options, MAKE_TIMEOUT_MS);
  try {
    await within((o) =>
      dynamodb.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [
            { AttributeName: 'pk', AttributeType: 'S' },
            { AttributeName: 'sk', AttributeType: 'S' },
          ],
          KeySchema: [
            { AttributeName: 'pk', KeyType: 'HASH' },
            { AttributeName: 'sk', KeyType: 'RANGE' },
          ],
          StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
        }),
        o,
      ),
    ).catch((cause) => {
      if (nameOf(cause) !== 'ResourceInUseException') throw cause;
    });
    for (const start = clock.monotonic(); clock.monotonic() - start < TABLE_READY_MS; await sleep(clock, 500)) {
      const { Table } = await within((o) => dynamodb.send(new DescribeTableCommand({ TableName }), o));
      if (Table?.TableStatus === 'ACTIVE') return;
    }
    throw new VarveError(
      'KAFKA_STORAGE_ERROR',
      'The DynamoDB table is still being made; open the log again in a minute.',
    );
  } catch (cause) {
    if (cause instanceof VarveError) throw cause;
    const message = `DynamoDB did not make the table (${nameOf(cause)}); check its name, the endpoint and the rights.`;
    throw new VarveError('KAFKA_STORAGE_ERROR', message, { cause });
  } finally {
    dynamodb.destroy();
  }
}

function putInput({ item, ...conditional }: Put) {
  return { Item: marshal(item), ...conditionInput(conditional) };
}

function conditionInput({ condition, names, values }: Condition) {
  return {
    ...(condition !== undefined && {
      ConditionExpression: condition,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    }),
    ...(names && Object.keys(names).length > 0 && { ExpressionAttributeNames: { ...names } }),
    ...(values && Object.keys(values).length > 0 && { ExpressionAttributeValues: marshal(values) }),
  };
}

function unitsOf(response: unknown): number {
  const { ConsumedCapacity } = response as {
    ConsumedCapacity?: { CapacityUnits?: number } | { CapacityUnits?: number }[];
  };
  if (!ConsumedCapacity) return 0;
  return [ConsumedCapacity].flat().reduce((sum, used) => sum + (used.CapacityUnits ?? 0), 0);
}
