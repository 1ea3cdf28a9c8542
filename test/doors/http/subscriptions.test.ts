import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunningDoor, runDoor } from './running-door.ts';

let door: RunningDoor;
beforeEach(async () => {
  door = await runDoor({ targetHosts: ['127.0.0.1'] });
  await door.ask('POST', '/api/topics', { name: 'orders', partitions: 2 });
  await door.ask('POST', '/api/topics', { name: 'dead', partitions: 1 });
});
afterEach(() => door.close());

const PATH = '/api/topics/orders/subscriptions';
const target = 'http://127.0.0.1:3000/orders';

describe('subscriptions over HTTP', () => {
  test('are made with defaults, changed, shown and removed', async () => {
    const made = await door.ask('PUT', `${PATH}/bills`, { group: 'billing', target });
    expect(made).toMatchObject({
      status: 200,
      body: {
        topic: 'orders',
        name: 'bills',
        group: 'billing',
        target,
        target_timeout: 30_000,
        enabled: true,
        batch_size: 100,
        max_batching_window: 0,
        retry_attempts: 12,
        max_record_age: -1,
        bisect_batch_on_error: false,
        report_batch_item_failures: false,
        parallelization_factor: 1,
      },
    });

    const patterns = { parallelization_factor: 2, filters: ['{"key":["a"]}'] };
    const settings = {
      group: 'billing',
      target,
      batch_size: 7,
      on_failure: 'kafka://dead',
      enabled: false,
      ...patterns,
    };
    const changed = await door.ask('PUT', `${PATH}/bills`, settings);
    expect(changed.body).toMatchObject(settings);
    expect((await door.ask('GET', PATH)).body).toEqual({ subscriptions: [changed.body] });
    expect((await door.ask('GET', '/api/topics/dead/subscriptions')).body).toEqual({ subscriptions: [] });

    expect((await door.ask('DELETE', `${PATH}/bills`)).status).toBe(204);
    expect(await door.ask('DELETE', `${PATH}/bills`)).toMatchObject({ status: 404 });
    expect((await door.ask('GET', PATH)).body).toEqual({ subscriptions: [] });
  });

  test('begin where they say, settled when they are made', async () => {
    await door.log.append('orders', [{ value: '1', partition: 1 }]);

    await door.ask('PUT', `${PATH}/bills`, { group: 'billing', target, starting_position: 'latest' });

    expect(await door.log.groups.offsets('billing')).toMatchObject([
      { partition: 0, offset: 0 },
      { partition: 1, offset: 1 },
    ]);
  });

  test.each<[what: string, body: object, message: RegExp]>([
    ['no group', { target }, /group/],
    ['no target', { group: 'billing' }, /target/],
    ['a setting that nobody knows', { group: 'billing', target, batchSize: 7 }, /batchSize/],
    ['a setting out of its range', { group: 'billing', target, batch_size: 0 }, /batchSize: 0: give 1 to 10000/],
    ['a pattern that is none', { group: 'billing', target, filters: ['{'] }, /filters/],
    ['an offset to begin with', { group: 'billing', target, starting_position: '7' }, /starting_position/],
    ['what is no URL', { group: 'billing', target: 'arn:aws:lambda:x' }, /target must be a URL/],
    ['a file', { group: 'billing', target: 'file:///etc/passwd' }, /target must be a URL/],
    [
      'a host that is not named',
      { group: 'billing', target: 'http://169.254.169.254/' },
      /--target-host 169.254.169.254/,
    ],
    ['one that only looks like it', { group: 'billing', target: 'http://127.0.0.1@example.com/' }, /example.com/],
    ['the topic itself for its failures', { group: 'billing', target, on_failure: 'kafka://orders' }, /another topic/],
    ['failures that go nowhere', { group: 'billing', target, on_failure: 'dead' }, /kafka:\/\/TOPIC/],
  ])('%s is refused', async (_, body, message) => {
    const refused = await door.ask('PUT', `${PATH}/bills`, body);

    expect(refused).toMatchObject({ status: 422, body: { message: expect.stringMatching(message) } });
    expect((await door.ask('GET', PATH)).body).toEqual({ subscriptions: [] });
  });

  test('unknown topics are 404', async () => {
    const body = { group: 'billing', target };
    const unknown = { status: 404, body: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } };
    expect(await door.ask('PUT', '/api/topics/nowhere/subscriptions/bills', body)).toMatchObject(unknown);
    expect(await door.ask('GET', '/api/topics/nowhere/subscriptions')).toMatchObject(unknown);
    expect(await door.ask('PUT', `${PATH}/bills`, { ...body, on_failure: 'kafka://nowhere' })).toMatchObject(unknown);
  });

  test('a web page cannot make one by a form', async () => {
    const body = JSON.stringify({ group: 'billing', target });
    expect(await door.ask('PUT', `${PATH}/bills`, body, { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
    });
  });
});

test('a log that delivers to no URLs says who does', async () => {
  const other = await runDoor();
  try {
    const refused = { status: 404, body: { message: expect.stringContaining('EventLogSource') } };
    expect(await other.ask('GET', PATH)).toMatchObject(refused);
    expect(await other.ask('PUT', `${PATH}/bills`, { group: 'billing', target })).toMatchObject(refused);
  } finally {
    await other.close();
  }
});
