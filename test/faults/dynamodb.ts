import type { Attributes, Hook, Reply, Request } from './transport.ts';

/** Which of DynamoDB's requests is which, what DynamoDB answers when it does not do it, and rules that are switched off. */

export const isAppend = ({ input }: Request) => input.UpdateExpression?.includes('list_append') === true;

/** The request that makes sure that an unanswered append can never land. */
export const isMark = ({ input }: Request) => input.UpdateExpression === 'SET #X = :f';

export const isTrim = ({ input }: Request) => input.UpdateExpression?.startsWith('SET tb = :new') === true;

export const isEviction = ({ input }: Request) => input.UpdateExpression?.includes('n = n + :one') === true;

export const isMarkRemoval = ({ input }: Request) => input.ConditionExpression?.includes('#x0 < :lim') === true;

/** Keeps the state of a producer before it leaves the head. */
export const isSpill = (request: Request) =>
  request.operation === 'PutItem' && sortKeyOf(request).startsWith('producer#');

/** The sort key of what is read or written; empty when there are several. */
export const sortKeyOf = ({ input }: Request) => (input.Key ?? input.Item)?.sk?.S ?? '';

export const isWrite = ({ operation }: Request) => /^(Put|Update|Delete|TransactWrite)/.test(operation);

/** An answer without doing it. */
export function failure(status: number, name: string, more: object = {}): Reply {
  const body = { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: 'injected', ...more };
  return {
    status,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: Buffer.from(JSON.stringify(body)),
  };
}

/** Not done, and to be sent again: in the ways that DynamoDB says so of single requests and of transactions. */
export function busy({ operation }: Request, random: () => number): Reply {
  const chosen = Math.floor(random() * 4);
  if (chosen === 0) return failure(400, 'ThrottlingException');
  if (chosen === 1) return failure(400, 'RequestLimitExceeded');
  if (chosen === 2 && operation === 'TransactWriteItems') {
    return failure(400, 'TransactionCanceledException', {
      CancellationReasons: [{ Code: 'TransactionConflict' }, { Code: 'None' }],
    });
  }
  if (chosen === 2 && isWrite({ operation } as Request)) return failure(400, 'TransactionConflictException');
  return failure(400, 'ProvisionedThroughputExceededException');
}

/** The name of the error that was answered; undefined when it was done. */
export function errorOf({ status, body }: Reply): string | undefined {
  if (status === 200) return undefined;
  const { __type } = JSON.parse((body as Buffer).toString()) as { __type: string };
  return __type.split('#')[1];
}

/** The item that an update answers. */
export function itemOf({ body }: Reply): Attributes {
  const answer = JSON.parse((body as Buffer).toString()) as { Attributes?: Attributes; Item?: Attributes };
  return answer.Attributes ?? answer.Item ?? {};
}

/**
 * A process without one of its conditions, where `applies` says so. The clause must be there, so that a test whose plant has
 * gone stale fails; values that nothing names any more go too, as DynamoDB demands.
 */
export function withoutClause(applies: (request: Request) => boolean, clause: string): Hook {
  return (request, send) => {
    if (!applies(request)) return send();
    const { ConditionExpression: condition = '', ...input } = request.input;
    if (!condition.includes(clause)) return send();
    const rest = condition
      .replace(clause, '')
      .replace(/^ AND | AND $/, '')
      .replace(' AND  AND ', ' AND ');
    const text = `${rest} ${input.UpdateExpression ?? ''}`;
    const named = <T>(all: Record<string, T> | undefined) =>
      Object.fromEntries(Object.entries(all ?? {}).filter(([name]) => new RegExp(`${name}(?![A-Za-z0-9])`).test(text)));
    const values = named(input.ExpressionAttributeValues);
    const names = named(input.ExpressionAttributeNames);
    const { ExpressionAttributeValues: _, ExpressionAttributeNames: __, ...bare } = input;
    return send({
      ...request,
      input: {
        ...bare,
        ...(rest !== '' && { ConditionExpression: rest }),
        ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
        ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
      },
    });
  };
}
