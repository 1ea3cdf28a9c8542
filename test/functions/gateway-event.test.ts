import { describe, expect, it } from 'vitest';
import { requestOf } from '../../functions/gateway-event.ts';

const HOST = 'id.execute-api.eu-central-1.amazonaws.com';

function rest(path: string, whole: string, resource: string, pathParameters: Record<string, string> | null) {
  return {
    resource,
    path,
    httpMethod: 'GET',
    headers: null,
    pathParameters,
    requestContext: { stage: 'prod', path: whole, domainName: HOST, requestTimeEpoch: 1_767_225_600_000 },
    body: null,
  };
}

function http(rawPath: string, routeKey: string, stage: string, pathParameters: Record<string, string> = {}) {
  return {
    version: '2.0',
    routeKey,
    rawPath,
    rawQueryString: 'a=1&a=2&b=%2F',
    headers: { accept: 'a,b' },
    pathParameters,
    requestContext: { stage, domainName: HOST, http: { method: 'GET' } },
  };
}

const proxied = (proxy: string) => ['/{proxy+}', { proxy }] as const;

describe('where the API lies in the path of its callers', () => {
  it.each([
    [
      'the stage of a REST API',
      rest('/v3/clusters', '/prod/v3/clusters', ...proxied('v3/clusters')),
      '/prod',
      '/v3/clusters',
    ],
    ['the root of a stage', rest('/', '/prod/', '/', null), '/prod', '/'],
    ['the root of a stage, without its slash', rest('/', '/prod', '/', null), '/prod', '/'],
    ['a custom domain', rest('/topics/a', '/topics/a', '/topics/{topic}', { topic: 'a' }), '', '/topics/a'],
    [
      'a base path of a custom domain, and a path that is deployed as such',
      rest('/log/topics/a/partitions/0', '/log/topics/a/partitions/0', '/topics/{topic}/partitions/{partition}', {
        topic: 'a',
        partition: '0',
      }),
      '/log',
      '/topics/a/partitions/0',
    ],
    ['a base path, and any path', rest('/log/v1/api/x', '/log/v1/api/x', ...proxied('api/x')), '/log/v1', '/api/x'],
    ['a base path, and a slash at the end', rest('/log/api/', '/log/api/', ...proxied('api')), '/log', '/api/'],
    ['the root of a base path', rest('/log', '/log', '/', null), '/log', '/'],
    ['an HTTP API with payload 1.0', rest('/prod/api/x', '/prod/api/x', '$default', null), '/prod', '/api/x'],
    ['the stage of an HTTP API', http('/prod/topics', '$default', 'prod'), '/prod', '/topics'],
    ['the root of its stage', http('/prod', '$default', 'prod'), '/prod', '/'],
    ['an HTTP API without a stage in its path', http('/topics', '$default', '$default'), '', '/topics'],
    ['a path that only begins like the stage', http('/production', '$default', 'prod'), '', '/production'],
    [
      'a route of an HTTP API',
      http('/log/topics/a', 'GET /topics/{topic}', 'prod', { topic: 'a' }),
      '/log',
      '/topics/a',
    ],
    ['a route of any path', http('/log/api/x', 'ANY /{proxy+}', '$default', { proxy: 'api/x' }), '/log', '/api/x'],
  ])('%s', (_, event, basePath, path) => {
    const found = requestOf(event);

    expect([found.basePath, new URL(found.request.url).pathname]).toEqual([basePath, path]);
    expect(new URL(found.request.url).host).toBe(HOST);
  });
});

describe('what is in an event', () => {
  it('is found in payload 1.0: headers and parameters of one and of many values', () => {
    const { request, receivedAt } = requestOf({
      ...rest('/api', '/prod/api', ...proxied('api')),
      headers: { 'X-One': '1', 'X-Two': 'b' },
      multiValueHeaders: { 'X-Two': ['a', 'b'] },
      queryStringParameters: { one: 'a b', two: '2', none: '' },
      multiValueQueryStringParameters: { two: ['1', '2'] },
    });

    expect([request.headers.get('x-one'), request.headers.get('x-two')]).toEqual(['1', 'a, b']);
    expect([...new URL(request.url).searchParams]).toEqual([
      ['one', 'a b'],
      ['none', ''],
      ['two', '1'],
      ['two', '2'],
    ]);
    expect(receivedAt).toBe(1_767_225_600_000);
  });

  it('is found in payload 2.0, where API Gateway joined what came more than once', () => {
    const { request } = requestOf(http('/api', '$default', '$default'));

    expect(request.headers.get('accept')).toBe('a,b');
    expect(new URL(request.url).searchParams.getAll('a')).toEqual(['1', '2']);
  });

  it.each([
    ['text', 'äöü', false],
    ['bytes in base64', Buffer.from('äöü').toString('base64'), true],
  ])('is a body of %s, with its length', async (_, body, isBase64Encoded) => {
    const { request } = requestOf({
      ...rest('/api', '/prod/api', ...proxied('api')),
      httpMethod: 'POST',
      headers: { 'content-length': '99999' },
      body,
      isBase64Encoded,
    });

    expect(request.headers.get('content-length')).toBe('6');
    expect(await request.text()).toBe('äöü');
  });

  it('has no body where HTTP has none', () => {
    const { request } = requestOf({ ...rest('/', '/prod/', '/', null), body: 'ignored' });

    expect(request.body).toBeNull();
  });
});

const whole = rest('/api', '/prod/api', ...proxied('api'));

it.each([
  ['nothing', undefined],
  ['null', null],
  ['text', 'GET /'],
  ['a list', []],
  ['an empty object', {}],
  ['an event of a queue', { Records: [{ eventSource: 'aws:sqs', body: '{}' }] }],
  ['an event of a load balancer', { ...whole, requestContext: { elb: { targetGroupArn: 'arn' } } }],
  ['an event of an HTTP API without its method', { version: '2.0', rawPath: '/', requestContext: { http: {} } }],
  ['a path that is none', { ...whole, path: 7 }],
  ['a body that is no text', { ...whole, body: { records: [] } }],
  ['a method that is none', { ...whole, httpMethod: 'G T' }],
  ['a header that is none', { ...whole, headers: { 'bad\nname': '1' } }],
  ['a value of a header that is none', { ...whole, headers: { name: 'ሴ' } }],
  ['headers of another shape', { ...whole, multiValueHeaders: { name: 7 } }],
  ['a host that is none', { ...whole, requestContext: { domainName: 'a b' } }],
])('refuses %s', (_, event) => {
  expect(() => requestOf(event)).toThrow();
});

it.each([
  '/api/topics/mine/../yours/records',
  '/api/topics/mine/%2e%2E/yours/records',
  '/api/./topics',
  '/api/topics/..',
  '/api/topics/mine/x\\..\\..\\yours/records',
  '/api/topics/mine/.\t./yours/records',
  '/api/topics/mine/\n../yours/records',
])('refuses %j: rights are given by the path as it was sent', (path) => {
  expect(() => requestOf(rest(path, `/prod${path}`, ...proxied(path.slice(1))))).toThrow(/dot segments/);
});
