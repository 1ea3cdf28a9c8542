import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Auth, type Client, type ClientOptions, connect } from '../../lib/client/client.ts';
import { type RunningDoor, runDoor } from '../doors/http/running-door.ts';
import { type ApiGateway, type ApiGatewayOptions, runApiGateway } from '../support/api-gateway.ts';
import { travelClock } from '../support/clock.ts';

const region = 'eu-central-1';
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const iam = { ...credentials, region };
const sigv4: Auth = { sigv4: { credentials, region } };

let door: RunningDoor;
let gateway: ApiGateway | undefined;

beforeEach(async () => {
  door = await runDoor();
});

afterEach(async () => {
  await gateway?.close();
  await door.close();
});

/** A client of the door behind an API of API Gateway. */
async function behind(api: ApiGatewayOptions, options: ClientOptions): Promise<Client> {
  gateway = await runApiGateway(door.url, api);
  return connect(gateway.url, options);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('signed requests', () => {
  test.each([
    ['of a user', {}],
    ['of a role, with its token', { sessionToken: 'IQoJb3JpZ2luX2VjEXAMPLE==' }],
  ])('%s are let in, whatever they carry', async (_, more) => {
    // Given an API that asks for IAM, and a client that has credentials
    const client = await behind(
      { iam: { ...iam, ...more } },
      { auth: { sigv4: { credentials: async () => ({ ...credentials, ...more }), region } } },
    );

    // When everything that a client can do is done, with names and times that must be encoded
    await client.topics.create('orders', { partitions: 2 });
    await client.append('orders', [{ key: 'ä', value: { text: 'naïve – 日本語' }, partition: 0, timestamp: 1000 }]);
    await client.producer().append('orders', [{ value: 2, partition: 1 }]);
    const polled = await client.poll('orders', 0, { timestamp: '1970-01-01T00:00:00.500+00:00' });
    const read = await collect(client.read('orders', { follow: false }));
    for (const group of ["it's (all) *here*!", 'a/b+c d', 'ü ?#%&=~', '...']) {
      await client.groups.commit(group, [{ topic: 'orders', partition: 0, offset: 1 }]);
      expect(await client.groups.offsets(group)).toMatchObject([{ offset: 1 }]);
    }
    await client.deleteRecords('orders', 0, 'latest');
    const controller = new AbortController();
    for await (const record of client.read('orders', { signal: controller.signal, from: 'earliest' })) {
      expect(record).toMatchObject({ partition: 1, value: 2 });
      controller.abort();
    }
    await client.topics.delete('orders');

    // Then all of it was signed, and arrived as it was meant
    expect(polled.records).toMatchObject([{ key: 'ä', value: { text: 'naïve – 日本語' } }]);
    expect(read).toHaveLength(2);
    expect(gateway!.claims.length).toBeGreaterThan(10);
    expect(gateway!.claims.every((claim) => claim?.service === 'execute-api')).toBe(true);
  });

  test('are signed anew when they are repeated: a signature holds for minutes, patience may be longer', async () => {
    // Given a network that loses the first answer to an append, and then ten minutes
    const clock = travelClock();
    let lost = 0;
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const answer = await globalThis.fetch(input, init);
      if (lost > 0 || !String(input).includes('/partitions/0/records')) return answer;
      lost++;
      clock.advance(600_000);
      throw new TypeError('fetch failed');
    };
    const client = await behind(
      { iam, now: clock.now },
      { auth: sigv4, fetch, clock, patience: 3_600_000, timeout: 3_600_000 },
    );
    await client.topics.create('orders', { partitions: 1 });

    // When a producer appends
    const appended = await client.producer().append('orders', [{ value: 1 }]);

    // Then its repeat is let in, and appends nothing twice
    expect(lost).toBe(1);
    expect(appended).toMatchObject([{ partition: 0, offset: 0 }]);
    expect(await client.offsets('orders', 0)).toEqual({ earliest: 0, latest: 1 });
  });

  test('take credentials anew each time, so that those that expire may be replaced', async () => {
    const keys = [{ ...credentials, accessKeyId: 'AKIDOLD' }, credentials];
    const client = await behind({ iam }, { auth: { sigv4: { region, credentials: async () => keys.shift()! } } });

    await expect(client.topics.create('orders')).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' });
    await client.topics.create('orders');
  });

  test.each([
    'https://a1b2c3.execute-api.eu-central-1.amazonaws.com/prod',
    'https://a1b2c3.execute-api.cn-north-1.amazonaws.com.cn/prod/',
  ])('are of the region that the address says: %s', async (url) => {
    const sent: Headers[] = [];
    const fetch: typeof globalThis.fetch = async (_, init) => {
      sent.push(new Headers(init?.headers));
      return new Response('{}');
    };

    await connect(url, { auth: { sigv4: { credentials } }, fetch }).topics.describe('orders');

    const expected = url.includes('eu-central-1') ? region : 'cn-north-1';
    expect(sent[0]?.get('authorization')).toContain(`/${expected}/execute-api/aws4_request`);
    expect(sent[0]?.get('host')).toBeNull();
  });

  test('an address that does not say its region wants one', () => {
    const connecting = () => connect('https://log.example.com', { auth: { sigv4: { credentials } } });

    expect(connecting).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
    expect(connecting).toThrow(/region/);
  });
});

describe('what API Gateway refuses says what to do', () => {
  const wrongSecret = { ...credentials, secretAccessKey: 'wrong' };
  test.each<[string, Auth, ApiGatewayOptions, string, RegExp]>([
    ['who does not sign', {}, { iam }, 'SASL_AUTHENTICATION_FAILED', /--profile or --aws-sigv4.*stage/],
    [
      'a wrong secret',
      { sigv4: { credentials: wrongSecret, region } },
      { iam },
      'SASL_AUTHENTICATION_FAILED',
      /credentials are valid.*region/,
    ],
    [
      'another region',
      { sigv4: { credentials, region: 'us-east-1' } },
      { iam },
      'SASL_AUTHENTICATION_FAILED',
      /credentials are valid.*region/,
    ],
    [
      'a clock that is wrong',
      sigv4,
      { iam, now: () => Date.now() + 900_000 },
      'SASL_AUTHENTICATION_FAILED',
      /set the clock/,
    ],
    ['a wrong API key', { apiKey: 'guess' }, { apiKey: 'k' }, 'CLUSTER_AUTHORIZATION_FAILED', /API key/],
  ])('%s', async (_, auth, api, code, message) => {
    const client = await behind(api, { auth });

    const refused = client.topics.describe('orders');

    await expect(refused).rejects.toMatchObject({ code, retriable: false });
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.not.toThrow(/wJalr|AKID|guess/);
    expect(gateway!.claims).toEqual([]);
  });

  const denied =
    'User: arn:aws:iam::111122223333:user/ann is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:eu-central-1:********3333:a1/prod/GET/api/topics';
  test.each<[number, string | undefined, object, string, boolean, RegExp]>([
    [
      403,
      'AccessDeniedException',
      { Message: denied },
      'CLUSTER_AUTHORIZATION_FAILED',
      false,
      /user\/ann.*execute-api:Invoke/,
    ],
    [
      403,
      'ExpiredTokenException',
      { message: 'The security token included in the request is expired' },
      'SASL_AUTHENTICATION_FAILED',
      false,
      /log in again/,
    ],
    [403, undefined, { message: 'Forbidden' }, 'CLUSTER_AUTHORIZATION_FAILED', false, /API key/],
    [401, 'UnauthorizedException', { message: 'Unauthorized' }, 'SASL_AUTHENTICATION_FAILED', false, /authorizer/],
    [429, 'TooManyRequestsException', { message: 'Too Many Requests' }, 'THROTTLING_QUOTA_EXCEEDED', true, /try again/],
    [429, 'LimitExceededException', { message: 'Limit Exceeded' }, 'THROTTLING_QUOTA_EXCEEDED', true, /limits/],
    [413, 'RequestTooLargeException', { message: 'Request Too Long' }, 'MESSAGE_TOO_LARGE', false, /in parts/],
    [504, undefined, { message: 'Endpoint request timed out' }, 'REQUEST_TIMED_OUT', true, /may have been done/],
    [502, 'InternalServerErrorException', { message: 'Internal server error' }, 'NETWORK_EXCEPTION', true, /502/],
    [500, undefined, { message: null }, 'UNKNOWN_SERVER_ERROR', false, /500/],
  ])('%i %s %o', async (status, type, body, code, retriable, message) => {
    const fetch: typeof globalThis.fetch = async () =>
      Response.json(body, { status, headers: type === undefined ? {} : { 'x-amzn-ErrorType': type } });

    const refused = connect('https://a1.execute-api.eu-central-1.amazonaws.com/prod', { fetch }).topics.describe('a');

    await expect(refused).rejects.toMatchObject({ code, retriable });
    await expect(refused).rejects.toThrow(message);
  });
});

test('an API key goes with every request, and alone needs no region', async () => {
  const client = await behind({ apiKey: 'k' }, { auth: { apiKey: 'k' } });

  await client.topics.create('orders', { partitions: 1 });
  await client.append('orders', [{ value: 1 }]);

  expect(await client.offsets('orders', 0)).toEqual({ earliest: 0, latest: 1 });
});

test('an API may ask for both', async () => {
  const client = await behind({ iam, apiKey: 'k' }, { auth: { ...sigv4, apiKey: 'k' } });

  expect(await client.topics.create('orders', { partitions: 1 })).toMatchObject({ name: 'orders' });
});

test('without credentials to be found nothing is sent', async () => {
  const provider = () => Promise.reject(new Error('Could not load credentials from any providers'));
  const client = await behind({ iam }, { auth: { sigv4: { credentials: provider, region } } });

  const refused = client.topics.describe('orders');

  await expect(refused).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', retriable: false });
  await expect(refused).rejects.toThrow(/no AWS credentials.*any providers.*profile/);
  expect(gateway!.claims).toEqual([]);
});
