import { request } from 'node:http';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answered, type RunningDoor, runDoor } from './running-door.ts';

const BODY_LIMIT = 64 * 1024;
const V2_JSON = { 'content-type': 'application/vnd.kafka.json.v2+json' };
const V2_BINARY = { 'content-type': 'application/vnd.kafka.binary.v2+json' };

let door: RunningDoor;
let v3: string;
beforeAll(async () => {
  door = await runDoor({ limits: { maxBodyBytes: BODY_LIMIT, maxRecords: 500, maxDepth: 100, maxFollowedAtOnce: 4 } });
  v3 = `/v3/clusters/${door.log.clusterId}`;
  await door.log.topics.create('known', { partitions: 2, config: { 'max.message.bytes': '20000' } });
  await door.log.topics.create('wide', { partitions: 8 });
  await door.log.append('known', [{ value: 'not JSON', partition: 0 }]);
  await door.log.append('known', [{ value: 'x', partition: 1 }], { producer: { id: 77, epoch: 5, sequence: 0 } });
});
afterAll(() => door.close());

type Request = [method: string, path: string, body?: unknown, headers?: Record<string, string>];
type Row = [what: string, request: Request | (() => Request), status: number, errorCode: number, code?: string];

const record = (value: unknown) => ({ records: [{ value }] });
const deep = (levels: number) => `[{"value":${'['.repeat(levels)}${']'.repeat(levels)}}]`;
const bomb = Buffer.alloc(50 * BODY_LIMIT, 32);
const encoded = (encoding: string) => ({ 'content-type': 'application/json', 'content-encoding': encoding });
const produce = '/api/topics/known/records';

const rows: Row[] = [
  ['unknown topic', ['GET', '/api/topics/none'], 404, 40401, 'UNKNOWN_TOPIC_OR_PARTITION'],
  ['unknown topic, produce', ['POST', '/api/topics/none/records', record(1)], 404, 40401],
  ['unknown topic, of a partition', ['GET', '/api/topics/none/partitions/0/records'], 404, 40401],
  ['unknown topic, delete', ['DELETE', '/api/topics/none'], 404, 40401],
  ['unknown topic, follow', ['GET', '/api/topics/none/events'], 404, 40401],
  ['unknown topic, v2', ['GET', '/topics/none'], 404, 40401],
  ['unknown topic, v2 produce', ['POST', '/topics/none', record(1), V2_JSON], 404, 40401],
  ['unknown topic, v3', () => ['GET', `${v3}/topics/none`], 404, 40403],
  [
    'unknown topic, v3 produce',
    () => ['POST', `${v3}/topics/none/records`, { value: { type: 'JSON', data: 1 } }],
    404,
    40403,
  ],
  ['unknown partition', ['GET', '/api/topics/known/partitions/2/records'], 404, 40402, 'UNKNOWN_TOPIC_OR_PARTITION'],
  ['unknown partition, produce', ['POST', '/api/topics/known/partitions/2/records', record(1)], 404, 40402],
  ['unknown partition, follow', ['GET', '/api/topics/known/partitions/2/events'], 404, 40402],
  ['unknown partition, v2', ['GET', '/topics/known/partitions/2'], 404, 40402],
  ['unknown partition, v2 offsets', ['GET', '/topics/known/partitions/2/offsets'], 404, 40402],
  ['unknown partition, v2 produce', ['POST', '/topics/known/partitions/2', record(1), V2_JSON], 404, 40402],
  ['unknown partition, v3', () => ['GET', `${v3}/topics/known/partitions/2`], 404, 40403],
  ['a partition that is no number', ['GET', '/api/topics/known/partitions/one/records'], 404, 404],
  ['a partition that is no number, v2', ['GET', '/topics/known/partitions/one/offsets'], 404, 404],
  ['a partition that is no number, v3', () => ['GET', `${v3}/topics/known/partitions/2147483648`], 404, 404],
  ['unknown cluster', ['GET', '/v3/clusters/none/topics'], 404, 404],
  ['unknown group', ['GET', '/api/groups/none/offsets'], 404, 40405, 'GROUP_ID_NOT_FOUND'],
  ['unknown address', ['GET', '/api/nothing'], 404, 404],
  ['wrong method', ['PUT', '/api/topics'], 405, 405],
  ['an Accept that takes no JSON, v2', ['GET', '/brokers', undefined, { accept: 'text/html' }], 406, 406],
  ['an Accept of no kind, v2', ['GET', '/topics', undefined, { accept: 'foo/*, */baz;q=0.5' }], 406, 406],
  ['malformed JSON', ['POST', produce, '{"records":['], 400, 400, 'INVALID_REQUEST'],
  ['malformed JSON, v2', ['POST', '/topics/known', '{"records":', V2_JSON], 400, 400],
  ['malformed JSON, v3', () => ['POST', `${v3}/topics/known/records`, '{"value":'], 400, 400],
  ['malformed JSON, a line', ['POST', produce, '{"value":1}\n{', { 'content-type': 'application/x-ndjson' }], 400, 400],
  ['not UTF-8', ['POST', produce, new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d])], 400, 400],
  ['an empty body', ['POST', produce, ''], 400, 400],
  ['no records', ['POST', produce, { records: [] }], 422, 422],
  ['no records, v2', ['POST', '/topics/known', {}, V2_JSON], 422, 422],
  ['a field that there is not', ['POST', produce, [{ valeu: 1 }]], 422, 422],
  ['a field that there is not, v2', ['POST', '/topics/known', { records: [{ valeu: 1 }] }, V2_JSON], 422, 422],
  ['a field beside the records, v2', ['POST', '/topics/known', { ...record(1), acks: 1 }, V2_JSON], 422, 422],
  [
    'two partitions of a record, v2',
    ['POST', '/topics/known/partitions/0', { records: [{ value: 1, partition: 1 }] }, V2_JSON],
    422,
    422,
  ],
  ['a key that is no text', ['POST', produce, [{ key: 1 }]], 422, 422],
  ['key and key_base64', ['POST', produce, [{ key: 'a', key_base64: 'YQ==' }]], 422, 422],
  ['nested too deep', ['POST', produce, deep(100)], 422, 422],
  ['nested far too deep', ['POST', produce, deep(20_000)], 422, 422],
  ['bad base64', ['POST', produce, [{ value_base64: 'a*b' }]], 422, 422],
  ['bad base64, v2', ['POST', '/topics/known', record('a*b'), V2_BINARY], 422, 422],
  ['a timestamp that is none', ['POST', produce, [{ value: 1, timestamp: 'yesterday' }]], 422, 422],
  ['a timestamp far ahead', ['POST', produce, [{ value: 1, timestamp: 9e15 }]], 422, 42213, 'INVALID_TIMESTAMP'],
  ['wrong content type', ['POST', produce, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }], 415, 415],
  ['a content type that forms can send', ['POST', produce, record(1), { 'content-type': 'text/plain' }], 415, 415],
  [
    'another character set',
    ['POST', produce, record(1), { 'content-type': 'application/json; charset=utf-16' }],
    415,
    415,
  ],
  ['wrong content type, v2', ['POST', '/topics/known', record(1)], 415, 415],
  ['unknown encoding', ['POST', produce, record(1), encoded('br')], 415, 41501],
  ['a body that is not gzip', ['POST', produce, record(1), encoded('gzip')], 400, 40003],
  ['gzip cut short', ['POST', produce, gzipSync('[{"value":1}]').subarray(0, 20), encoded('gzip')], 400, 40003],
  ['zstd cut short', ['POST', produce, zstdCompressSync('[{"value":1}]').subarray(0, 12), encoded('zstd')], 400, 40003],
  ['request over the limit', ['POST', produce, record('x'.repeat(BODY_LIMIT))], 413, 41302, 'MESSAGE_TOO_LARGE'],
  ['gzip bomb', ['POST', produce, gzipSync(bomb), encoded('gzip')], 413, 41302],
  ['zstd bomb', ['POST', produce, zstdCompressSync(bomb), encoded('zstd')], 413, 41302],
  ['too many records', ['POST', produce, Array.from({ length: 501 }, () => ({}))], 413, 41302],
  ['record over max.message.bytes', ['POST', produce, record('x'.repeat(20_000))], 413, 41301, 'MESSAGE_TOO_LARGE'],
  [
    'offset above the end',
    ['GET', '/api/topics/known/partitions/0/records?from=99'],
    416,
    41601,
    'OFFSET_OUT_OF_RANGE',
  ],
  ['offset above the end, v2', ['GET', '/topics/known/partitions/0/records?offset=99'], 416, 41601],
  ['offset above the end, follow', ['GET', '/api/topics/known/partitions/0/events?from=99'], 416, 41601],
  ['an event id from elsewhere', ['GET', '/api/topics/known/partitions/0/events?last_event_id=99'], 416, 41601],
  ['an event id that is none', ['GET', '/api/topics/known/events?last_event_id=abc'], 422, 42220],
  ['an offset for a whole topic', ['GET', '/api/topics/known/events?from=1'], 422, 42220],
  ['more partitions than a stream follows', ['GET', '/api/topics/wide/events'], 422, 42220],
  ['deleting above the end', ['DELETE', '/api/topics/known/partitions/0/records?before=99'], 416, 41601],
  ['deleting without saying up to where', ['DELETE', '/api/topics/known/partitions/0/records'], 422, 42220],
  ['an offset that is none', ['GET', '/api/topics/known/partitions/0/records?from=-1'], 422, 42220],
  ['a time that is none', ['GET', '/api/topics/known/partitions/0/records?from=time:noon'], 422, 42220],
  ['a wait beyond the limit', ['GET', '/api/topics/known/partitions/0/records?wait=99999999'], 422, 42220],
  [
    'a record that is not JSON, as JSON',
    ['GET', '/topics/known/partitions/0/records', undefined, { accept: V2_JSON['content-type'] }],
    406,
    40601,
  ],
  ['invalid topic name', ['POST', '/api/topics', { name: 'a b' }], 422, 42211, 'INVALID_TOPIC_EXCEPTION'],
  [
    'invalid topic name, v3',
    () => ['POST', `${v3}/topics`, { topic_name: 'a/b' }],
    400,
    40002,
    'INVALID_TOPIC_EXCEPTION',
  ],
  [
    'invalid partition count',
    ['POST', '/api/topics', { name: 'zero', partitions: 0 }],
    422,
    42214,
    'INVALID_PARTITIONS',
  ],
  ['fewer partitions', ['PATCH', '/api/topics/known', { partitions: 1 }], 422, 42214],
  [
    'unknown configuration key',
    ['POST', '/api/topics', { name: 'new', config: { nope: '1' } }],
    422,
    42215,
    'INVALID_CONFIG',
  ],
  ['invalid configuration value', ['PATCH', '/api/topics/known', { config: { 'retention.ms': 'long' } }], 422, 42215],
  [
    'invalid configuration value, v3',
    () => ['PUT', `${v3}/topics/known/configs/retention.ms`, { value: 'long' }],
    400,
    40002,
  ],
  ['duplicate topic', ['POST', '/api/topics', { name: 'known' }], 409, 40910, 'TOPIC_ALREADY_EXISTS'],
  ['duplicate topic, v3', () => ['POST', `${v3}/topics`, { topic_name: 'known' }], 400, 40002, 'TOPIC_ALREADY_EXISTS'],
  [
    'stale epoch',
    [
      'POST',
      '/api/topics/known/partitions/1/records',
      { producer_id: 77, producer_epoch: 4, sequence: 1, ...record(1) },
    ],
    409,
    40914,
    'INVALID_PRODUCER_EPOCH',
  ],
  [
    'out-of-order sequence',
    [
      'POST',
      '/api/topics/known/partitions/1/records',
      { producer_id: 77, producer_epoch: 5, sequence: 9, ...record(1) },
    ],
    409,
    40912,
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
  ],
  [
    'unknown producer',
    [
      'POST',
      '/api/topics/known/partitions/1/records',
      { producer_id: 78, producer_epoch: 0, sequence: 3, ...record(1) },
    ],
    409,
    40915,
    'UNKNOWN_PRODUCER_ID',
  ],
  [
    'a producer without partition',
    ['POST', produce, { producer_id: 77, producer_epoch: 5, sequence: 1, ...record(1) }],
    422,
    422,
  ],
  [
    'a producer without sequence',
    ['POST', '/api/topics/known/partitions/1/records', { producer_id: 77, ...record(1) }],
    422,
    422,
  ],
  [
    'a group offset out of range',
    ['PUT', '/api/groups/g/offsets', { offsets: [{ topic: 'known', partition: 0, offset: 99 }] }],
    416,
    41601,
  ],
  [
    'a group offset of an unknown topic',
    ['PUT', '/api/groups/g/offsets', { offsets: [{ topic: 'none', partition: 0, offset: 0 }] }],
    404,
    40401,
  ],
];

describe('bad input has a status, a code, and a sentence', () => {
  test.each(rows)('%s', async (_what, given, status, errorCode, code) => {
    const [method, path, body, headers] = typeof given === 'function' ? given() : given;
    const before = await door.log.offsets('known', 0);
    const answer: Answered = await door.ask(method, path, body, headers);
    expect({ status: answer.status, error_code: answer.body?.error_code }).toEqual({ status, error_code: errorCode });
    expect(answer.body.message).toMatch(/^.{10,}$/);
    expect(answer.body.retriable).toBe(false);
    if (code !== undefined) expect(answer.body.code).toBe(code);
    expect(JSON.stringify(answer.body)).not.toMatch(/\.ts|node_modules|at \w+ \(/);
    expect(await door.log.offsets('known', 0)).toEqual(before);
  });

  test('what the answers of v2 are called', async () => {
    const answer = await door.ask('GET', '/topics/none');
    expect(answer.headers.get('content-type')).toBe('application/vnd.kafka.v2+json');
  });

  test('a wrong method names the right ones', async () => {
    const answer = await door.ask('PATCH', '/api/topics');
    expect(answer.headers.get('allow')).toMatch(/GET.*POST|POST.*GET/);
  });
});

/** As a page would ask whose name was made to point here; fetch does not let one say it. */
function askAs(headers: Record<string, string>, method = 'GET', path = '/api/topics', to = door): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: to.port, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          headers: new Headers(response.headers as Record<string, string>),
          body: text === '' ? undefined : JSON.parse(text),
        }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('web pages', () => {
  test.each([
    'evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[::2]',
    '10.0.0.1',
  ])('a foreign Host is refused: %s', async (host) => {
    expect(await askAs({ host })).toMatchObject({ status: 403, body: { error_code: 40302 } });
  });

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1:99', '127.1.2.3', '[::1]:8080'])(
    'loopback is served: %s',
    async (host) => {
      expect((await askAs({ host })).status).toBe(200);
    },
  );

  test('a page of another origin reads nothing and writes nothing', async () => {
    const origin = 'https://evil.example';
    const read = await askAs({ host: 'localhost', origin });
    expect(read.headers.get('access-control-allow-origin')).toBeNull();
    const preflight = await askAs({ host: 'localhost', origin, 'access-control-request-method': 'POST' }, 'OPTIONS');
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    const write = await askAs({ host: 'localhost', origin }, 'POST', '/api/producers');
    expect(write).toMatchObject({ status: 403, body: { error_code: 40303 } });
    expect((await askAs({ host: 'localhost', origin: 'null' }, 'DELETE', '/api/topics/known')).status).toBe(403);
    expect((await askAs({ host: 'localhost:1', origin: 'http://localhost:1' }, 'POST', '/api/producers')).status).toBe(
      201,
    );
  });

  test('hosts and origins that are configured are served', async () => {
    const origin = 'https://app.example';
    const open = await runDoor({ allowedHosts: ['log.example'], corsOrigins: [origin] });
    try {
      const answer = await open.ask('POST', '/api/producers', {}, { origin });
      expect(answer.status).toBe(201);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect((await askAs({ host: 'Log.example:80' }, 'GET', '/health', open)).status).toBe(200);
      expect((await askAs({ host: 'other.example' }, 'GET', '/health', open)).status).toBe(403);
    } finally {
      await open.close();
    }
  });
});
