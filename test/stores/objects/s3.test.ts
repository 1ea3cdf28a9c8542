import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ObjectStore } from '../../../lib/stores/objects/objects.ts';
import { openS3 } from '../../../lib/stores/objects/s3.ts';
import { type TravelClock, travelClock } from '../../support/clock.ts';
import { type Reply, type ScriptedServer, serveScript } from '../../support/http-script.ts';

/*
 * What S3 does when it does not do what it was asked, which LocalStack cannot be made to do; the contract is in
 * s3.localstack.test.ts.
 */
let server: ScriptedServer;
let store: ObjectStore;
let clock: TravelClock;

async function given(...replies: [Reply, ...Reply[]]): Promise<void> {
  server = await serveScript(...replies);
  clock = travelClock();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  store = openS3({ client: { endpoint: server.endpoint, region: 'us-east-1', credentials }, bucket: 'b', clock });
}
afterEach(async () => {
  await server.close();
  await store.close();
});

const content = randomBytes(100_000);
const checksum = (bytes: Uint8Array) => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
};

const done: Reply = (response) => void response.writeHead(200).end();
const error =
  (status: number, code: string): Reply =>
  (response) =>
    void response.writeHead(status).end(`<Error><Code>${code}</Code><Message>secret</Message></Error>`);
const reset: Reply = (response) => void response.destroy();
const silence: Reply = () => undefined;
const whole: Reply = (response) =>
  void response
    .writeHead(200, { 'content-length': content.length, 'x-amz-checksum-crc32': checksum(content) })
    .end(content);
/** Says that it sends the whole and resets the connection in the middle of it. */
const cut: Reply = (response) => {
  response.writeHead(200, { 'content-length': content.length });
  response.write(content.subarray(0, 40_000), () => response.destroy());
};
/** One bit is another than was put. */
const damaged: Reply = (response) => {
  const bytes = Buffer.from(content);
  bytes[50_000]! ^= 1;
  response.writeHead(200, { 'content-length': bytes.length, 'x-amz-checksum-crc32': checksum(content) }).end(bytes);
};

const failed = (code: string) => expect.objectContaining({ name: 'ObjectError', code });

describe('put', () => {
  test('given an answer that was lost, and the object is there whole when it is put again, then it is put', async () => {
    await given(reset, error(412, 'PreconditionFailed'), whole);
    await store.put('a', [content]);
    expect(server.requests).toEqual(['PUT /b/a?x-id=PutObject', 'PUT /b/a?x-id=PutObject', 'GET /b/a?x-id=GetObject']);
  });

  test('given an answer that was lost, and what is there when it is put again is other bytes, then OBJECT_EXISTS', async () => {
    await given(reset, error(412, 'PreconditionFailed'), whole);
    const other = Buffer.from(content);
    other[99_999]! ^= 1;
    await expect(store.put('a', [other])).rejects.toEqual(failed('OBJECT_EXISTS'));
  });

  test('given an answer that was lost, and what is there cannot be read, then STORE_FAILED', async () => {
    const taken = error(412, 'PreconditionFailed');
    await given(reset, taken, cut, taken, cut);
    await expect(store.put('a', [content])).rejects.toEqual(failed('STORE_FAILED'));
    expect(server.requests).toHaveLength(5);
  });

  test('given a name that is taken at once, then OBJECT_EXISTS, and nothing is read', async () => {
    await given(error(412, 'PreconditionFailed'), whole);
    await expect(store.put('a', [content])).rejects.toEqual(failed('OBJECT_EXISTS'));
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ['a reset', reset],
    ['500 InternalError', error(500, 'InternalError')],
    ['503 SlowDown', error(503, 'SlowDown')],
    ['400 BadDigest', error(400, 'BadDigest')],
    ['400 RequestTimeout', error(400, 'RequestTimeout')],
  ])('given %s twice, then it is put', async (_, trouble) => {
    await given(trouble, trouble, done);
    await store.put('a', [content]);
    expect(server.requests).toHaveLength(3);
  });

  test.each([
    [500, 'InternalError', 3],
    [503, 'SlowDown', 3],
    [507, 'Unknown', 3],
    [403, 'AccessDenied', 1],
    [404, 'NoSuchBucket', 1],
  ])(
    'given nothing but %d %s, then STORE_FAILED after %d requests, and the message has the code and no more of it',
    async (status, code, requests) => {
      await given(error(status, code));
      const put = store.put('a', [content]);
      await expect(put).rejects.toEqual(failed('STORE_FAILED'));
      await expect(put).rejects.toThrow(code);
      await expect(put).rejects.not.toThrow('secret');
      expect(server.requests).toHaveLength(requests);
    },
  );

  test('given 409 ConditionalRequestConflict, which S3 has not done, then it is put again', async () => {
    await given(error(409, 'ConditionalRequestConflict'), done);
    await store.put('a', [content]);
    expect(server.requests).toHaveLength(2);
  });

  test('given a conflict that somebody else has won, then OBJECT_EXISTS', async () => {
    await given(error(409, 'ConditionalRequestConflict'), error(412, 'PreconditionFailed'));
    await expect(store.put('a', [content])).rejects.toEqual(failed('OBJECT_EXISTS'));
  });

  test('given a put, then it is conditional, with a checksum of what it carries', async () => {
    const headers: Record<string, unknown>[] = [];
    await given((response, request) => {
      headers.push(request.headers);
      done(response, request);
    });
    await store.put('a', [content.subarray(0, 1), content.subarray(1)]);
    expect(headers).toEqual([
      expect.objectContaining({
        'if-none-match': '*',
        'content-length': String(content.length),
        'x-amz-checksum-crc32': checksum(content),
      }),
    ]);
  });

  test('given puts of 3 MiB one after the other, then they share a connection', async () => {
    await given(done);
    for (const name of ['a', 'b', 'c', 'd']) await store.put(name, [randomBytes(3 * 1024 * 1024)]);
    expect(server.connections()).toBe(1);
  });
});

describe('get', () => {
  test.each([
    ['a reset', reset],
    ['a reset in the body', cut],
    ['bytes that do not match their checksum', damaged],
    ['500 InternalError', error(500, 'InternalError')],
    ['503 SlowDown', error(503, 'SlowDown')],
  ])('given %s twice and then the object, then the object', async (_, trouble) => {
    await given(trouble, trouble, whole);
    expect(Buffer.compare(await store.get('a'), content)).toBe(0);
    expect(server.requests).toHaveLength(3);
  });

  test.each([
    ['resets in the body', cut],
    ['bytes that do not match their checksum', damaged],
    ['503 SlowDown', error(503, 'SlowDown')],
  ])('given nothing but %s, then STORE_FAILED after three requests', async (_, trouble) => {
    await given(trouble);
    await expect(store.get('a')).rejects.toEqual(failed('STORE_FAILED'));
    expect(server.requests).toHaveLength(3);
  });

  test.each([
    ['fewer bytes than asked for', 'bytes 10-18/100', 9],
    ['more bytes than asked for', 'bytes 10-29/100', 20],
    ['bytes of another place', 'bytes 11-20/100', 10],
  ])('given %s, then STORE_FAILED and none of them', async (_, range, length) => {
    await given((response) => void response.writeHead(206, { 'content-range': range }).end(randomBytes(length)));
    await expect(store.get('a', { start: 10, length: 10 })).rejects.toEqual(failed('STORE_FAILED'));
  });

  test.each([
    [403, 'AccessDenied'],
    [404, 'NoSuchBucket'],
  ])('given %d %s, then STORE_FAILED at once, not OBJECT_MISSING', async (status, code) => {
    await given(error(status, code));
    await expect(store.get('a')).rejects.toEqual(failed('STORE_FAILED'));
    expect(server.requests).toHaveLength(1);
  });

  test('given a signal that aborts in the body, then its reason, and no further request', async () => {
    const abort = new AbortController();
    await given((response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 40_000), () => abort.abort(new Error('enough')));
    });
    await expect(store.get('a', { signal: abort.signal })).rejects.toEqual(new Error('enough'));
    expect(server.requests).toHaveLength(1);
  });
});

test('get: given gets one after the other, whole or refused, then they share a connection', async () => {
  await given(whole, error(404, 'NoSuchKey'), whole);
  await store.get('a');
  await expect(store.get('b')).rejects.toEqual(failed('OBJECT_MISSING'));
  await store.get('a');
  expect(server.connections()).toBe(1);
});

describe('deadlines', () => {
  /** Lets time pass until it ends, so many milliseconds at each request that stays unanswered. */
  async function passTime<T>(ms: number, operation: Promise<T>): Promise<T> {
    let over = false;
    const end = operation.finally(() => {
      over = true;
    });
    end.catch(() => undefined);
    for (let seen = 0; !over; ) {
      await vi.waitUntil(() => over || server.requests.length > seen, { timeout: 10_000, interval: 5 });
      seen = server.requests.length;
      clock.advance(ms);
    }
    return end;
  }

  test('given a put that is not answered, then STORE_FAILED after one request', async () => {
    await given(silence);
    await expect(passTime(15_000, store.put('a', [content]))).rejects.toEqual(failed('STORE_FAILED'));
    expect(server.requests).toHaveLength(1);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['get', () => store.get('a')],
    ['stat', () => store.stat('a')],
    ['list', () => store.list('')],
    ['delete', () => store.delete(['a'])],
  ])('given a %s that is not answered, then it is asked once more, and then STORE_FAILED', async (_, operation) => {
    await given(silence);
    await expect(passTime(10_000, operation())).rejects.toEqual(failed('STORE_FAILED'));
    expect(server.requests).toHaveLength(2);
  });

  test('given a body that stops in the middle and then the object, then the object', async () => {
    await given((response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 40_000));
    }, whole);
    expect(Buffer.compare(await passTime(10_000, store.get('a')), content)).toBe(0);
  });
});

test('delete: given objects that S3 does not delete, then STORE_FAILED says how many, one of them and why', async () => {
  const errors = ['a', 'b'].map((key) => `<Error><Key>${key}</Key><Code>InternalError</Code></Error>`).join('');
  await given((response) => void response.writeHead(200).end(`<DeleteResult>${errors}</DeleteResult>`));
  const deleted = store.delete(['a', 'b', 'c']);
  await expect(deleted).rejects.toEqual(failed('STORE_FAILED'));
  await expect(deleted).rejects.toThrow('2 of 3 objects, a (InternalError)');
});

test('list: given keys that are no names of objects, then they are left out and the rest comes, page by page', async () => {
  const page = (truncated: boolean, ...keys: string[]): Reply => {
    const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
    const body = `<ListBucketResult><IsTruncated>${truncated}</IsTruncated>${contents}</ListBucketResult>`;
    return (response) => void response.writeHead(200).end(body);
  };
  await given(page(true, 'a', 'folder/'), page(false, 'folder/b'));
  expect(await store.list('', { limit: 3 })).toEqual([
    { name: 'a', size: 1 },
    { name: 'folder/b', size: 1 },
  ]);
  expect(server.requests).toEqual([
    'GET /b/?list-type=2&max-keys=3&prefix=',
    'GET /b/?list-type=2&max-keys=2&prefix=&start-after=folder%2F',
  ]);
});
