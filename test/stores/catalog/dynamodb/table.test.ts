import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../lib/clock.ts';
import { type Answer, type Item, openTable, type Table } from '../../../../lib/stores/catalog/dynamodb/table.ts';

/** Stands in for DynamoDB where the engines cannot: they neither throttle, nor conflict, nor fall silent. */

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function answering(respond: (response: ServerResponse) => void, clock: Clock = systemClock) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    request.resume();
    respond(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const table = openTable({
    client: {
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    },
    table: 't',
    clock,
  });
  cleanups.push(async () => {
    table.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { table, requests: () => requests };
}

const answer = (status: number, body: object) => (response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
};
const error = (status: number, name: string, more: object = {}) =>
  answer(status, { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: name, ...more });

const append = (table: Table): Promise<Answer<Item | undefined>> =>
  table.update({
    key: { pk: 'p', sk: 'head' },
    update: 'SET hw = hw + :n',
    condition: 'gc < :n',
    values: { ':n': 1 },
  });

describe('one request to the table', () => {
  it('that is throttled, or in conflict with a transaction, is busy: it was not applied', async () => {
    for (const [status, name] of [
      [400, 'ProvisionedThroughputExceededException'],
      [400, 'ThrottlingException'],
      [400, 'RequestLimitExceeded'],
      [400, 'TransactionConflictException'],
    ] as const) {
      const { table, requests } = await answering(error(status, name));

      expect(await append(table), name).toMatchObject({ status: 'busy' });
      expect(requests(), name).toBe(1);
    }
  });

  it('that is refused by its condition shows the item that refused it', async () => {
    const item = { pk: { S: 'p' }, hw: { N: '12345678901234567890123456789012345678' }, t: { L: [{ B: 'AQI=' }] } };
    const { table } = await answering(error(400, 'ConditionalCheckFailedException', { Item: item }));

    expect(await append(table)).toEqual({
      status: 'refused',
      item: { pk: 'p', hw: 12345678901234567890123456789012345678n, t: [new Uint8Array([1, 2])] },
    });
  });

  it('that is refused within a transaction shows the first item; a conflict there is busy', async () => {
    const cancelled = (reasons: object[]) =>
      answering(error(400, 'TransactionCanceledException', { CancellationReasons: reasons }));
    const { table } = await cancelled([{ Code: 'None' }, { Code: 'ConditionalCheckFailed', Item: { pk: { S: 'x' } } }]);
    const { table: conflicting } = await cancelled([{ Code: 'TransactionConflict' }, { Code: 'None' }]);
    const write = { put: { item: { pk: 'a', sk: 'b' } } };

    expect(await table.transact([write], 'token')).toEqual({ status: 'refused', item: { pk: 'x' } });
    expect(await conflicting.transact([write], 'token')).toMatchObject({ status: 'busy' });
  });

  it('that is wrong, or without the right, is rejected', async () => {
    for (const name of ['ValidationException', 'AccessDeniedException', 'ResourceNotFoundException']) {
      const { table } = await answering(error(400, name));

      expect(await append(table), name).toMatchObject({ status: 'rejected' });
    }
  });

  it('that meets an error of the service, or a broken connection, is ambiguous, and is sent once', async () => {
    for (const respond of [
      error(500, 'InternalServerError'),
      error(503, 'ServiceUnavailable'),
      (response: ServerResponse) => response.destroy(),
    ]) {
      const { table, requests } = await answering(respond);

      expect(await append(table)).toMatchObject({ status: 'ambiguous' });
      expect(requests()).toBe(1);
    }
  });

  it('that is not answered is ambiguous after two seconds', async () => {
    const waits: number[] = [];
    const clock: Clock = {
      ...systemClock,
      schedule: (ms, run) => {
        waits.push(ms);
        return systemClock.schedule(ms / 20, run);
      },
    };
    const { table } = await answering(() => {}, clock);

    expect(await append(table)).toMatchObject({ status: 'ambiguous' });
    expect(waits).toEqual([2_000]);
  });

  it('of a closed table is rejected unsent', async () => {
    const { table, requests } = await answering(answer(200, {}));
    table.close();

    expect(await append(table)).toMatchObject({ status: 'rejected', cause: { code: 'LOG_CLOSED' } });
    expect(requests()).toBe(0);
  });
});
