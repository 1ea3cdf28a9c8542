import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';

/** One request as IAM sees it: `key` is the leading key of DynamoDB's, or the object's name; empty for the bucket itself. */
export interface Seen {
  by: string;
  action: string;
  key: string;
}

export interface Recorder {
  endpoint: string;
  seen: Seen[];
  /** Who sends what comes from now on. */
  by: string;
  /** The next answer to this operation, `UpdateItem` of DynamoDB or `PutObject` of S3, never arrives. */
  lose: string | undefined;
  close(): Promise<void>;
}

type Json = Record<string, unknown>;
type AttributeMap = { pk: { S: string } };

/**
 * Stands between the functions' SDKs and their services, and writes down what is asked for: DynamoDB's requests go on to an
 * engine, S3's are answered here, as far as the functions use it.
 */
export async function startRecorder(dynamodb: string): Promise<Recorder> {
  const objects = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const answered = request.headers['x-amz-target'] ? toDynamodb(request, response) : toS3(request, response);
    answered.catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  const recorder: Recorder = {
    endpoint: `http://127.0.0.1:${address.port}`,
    seen: [],
    by: '',
    lose: undefined,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  const saw = (action: string, key: string) => recorder.seen.push({ by: recorder.by, action, key });

  async function toDynamodb(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const operation = String(request.headers['x-amz-target']).split('.')[1]!;
    for (const [action, key] of keysOf(operation, JSON.parse(body.toString()) as Json)) saw(`dynamodb:${action}`, key);
    const headers = { ...(request.headers as Record<string, string>) };
    for (const name of ['host', 'connection', 'content-length', 'transfer-encoding']) delete headers[name];
    const answer = await fetch(dynamodb, { method: 'POST', headers, body });
    const answered = Buffer.from(await answer.arrayBuffer());
    if (recorder.lose === operation) {
      recorder.lose = undefined;
      response.destroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(answered);
  }

  async function toS3(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const url = new URL(request.url ?? '', 'http://s3');
    const name = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    const stored = objects.get(name);
    if (request.method === 'PUT') {
      saw('s3:PutObject', name);
      if (stored) response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
      else objects.set(name, body);
      if (recorder.lose === 'PutObject') {
        recorder.lose = undefined;
        response.destroy();
      } else if (!stored) response.writeHead(200).end();
    } else if (request.method === 'POST' && url.searchParams.has('delete')) {
      for (const [, key] of body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)) {
        saw('s3:DeleteObject', key!);
        objects.delete(key!);
      }
      response.writeHead(200).end('<DeleteResult/>');
    } else if (name === '') {
      saw('s3:ListBucket', '');
      const after = url.searchParams.get('start-after') ?? '';
      const names = [...objects.keys()].filter(
        (one) => one.startsWith(url.searchParams.get('prefix') ?? '') && one > after,
      );
      const contents = names
        .sort()
        .map((one) => `<Contents><Key>${one}</Key><Size>${objects.get(one)!.length}</Size></Contents>`);
      response
        .writeHead(200)
        .end(`<ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`);
    } else {
      saw('s3:GetObject', name);
      const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
      if (stored === undefined) response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
      else if (first === undefined) {
        const sum = Buffer.alloc(4);
        sum.writeUInt32BE(crc32(stored));
        response.writeHead(200, { 'content-length': stored.length, 'x-amz-checksum-crc32': sum.toString('base64') });
        response.end(request.method === 'HEAD' ? undefined : stored);
      } else {
        const part = stored.subarray(Number(first), last ? Number(last) + 1 : undefined);
        const range = `bytes ${first}-${Number(first) + part.length - 1}/${stored.length}`;
        response.writeHead(206, { 'content-length': part.length, 'content-range': range }).end(part);
      }
    }
  }

  return recorder;
}

/** The actions that a request takes a right to, each with its leading key. Transactions take those of the writes that they hold. */
function keysOf(operation: string, input: Json): [action: string, key: string][] {
  const pk = (of: unknown) => (of as AttributeMap).pk.S;
  switch (operation) {
    case 'GetItem':
    case 'UpdateItem':
    case 'DeleteItem':
      return [[operation, pk(input.Key)]];
    case 'PutItem':
      return [[operation, pk(input.Item)]];
    case 'Query':
      return [[operation, (input.ExpressionAttributeValues as Record<string, { S: string }>)[':pk']!.S]];
    case 'BatchGetItem':
      return Object.values(input.RequestItems as Record<string, { Keys: unknown[] }>).flatMap(({ Keys }) =>
        Keys.map((key): [string, string] => [operation, pk(key)]),
      );
    case 'TransactWriteItems':
      return (input.TransactItems as Record<string, Json>[]).map((write) => {
        const [kind, of] = Object.entries(write)[0]!;
        return [kind === 'ConditionCheck' ? 'ConditionCheckItem' : `${kind}Item`, pk(of.Item ?? of.Key)];
      });
    default:
      throw new Error(`what ${operation} asks for is not known here`);
  }
}
