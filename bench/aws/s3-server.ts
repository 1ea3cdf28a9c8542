import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { ObjectError, type ObjectStore } from '../../lib/stores/objects/objects.ts';
import { type Listening, listen, readAll } from './listen.ts';

/**
 * As much of S3's protocol as `openS3` speaks, over an object store of this machine: puts that refuse a taken name, ranged gets,
 * pages of names, deletes of many. It keeps requests countable and timeable where there is no LocalStack; it is no test of S3.
 */
export function startS3(objects: ObjectStore): Promise<Listening> {
  return listen(
    createServer((request, response) => {
      void answer(objects, request, response).catch((error: unknown) => {
        const [status, code] = failureOf(error);
        send(response, status, `<Error><Code>${code}</Code></Error>`);
      });
    }),
  );
}

async function answer(objects: ObjectStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url!, 'http://s3');
  const name = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
  const body = await readAll(request);
  if (request.method === 'PUT') {
    await objects.put(name, [body]);
    return send(response, 200);
  }
  if (request.method === 'POST') {
    await objects.delete([...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map((found) => found[1]!));
    return send(response, 200, '<DeleteResult></DeleteResult>');
  }
  if (name === '') return list(objects, url.searchParams, response);
  const { size } = (await objects.stat(name)) ?? missing(name);
  if (request.method === 'HEAD') return void response.writeHead(200, { 'content-length': size }).end();
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (from === undefined) return void response.writeHead(200).end(await objects.get(name));
  const start = Number(from);
  if (start >= size) return send(response, 416, '<Error><Code>InvalidRange</Code></Error>');
  const end = to ? Math.min(Number(to), size - 1) : size - 1;
  const bytes = await objects.get(name, { start, length: end - start + 1 });
  response.writeHead(206, { 'content-range': `bytes ${start}-${end}/${size}`, 'content-length': bytes.length });
  response.end(bytes);
}

async function list(objects: ObjectStore, query: URLSearchParams, response: ServerResponse): Promise<void> {
  const limit = Number(query.get('max-keys') ?? 1000);
  const after = query.get('start-after') ?? '';
  const found = await objects.list(query.get('prefix') ?? '', { after, limit });
  const contents = found.map(({ name, size }) => `<Contents><Key>${name}</Key><Size>${size}</Size></Contents>`);
  const more = `<IsTruncated>${found.length === limit}</IsTruncated>`;
  send(response, 200, `<ListBucketResult>${more}${contents.join('')}</ListBucketResult>`);
}

function failureOf(error: unknown): [status: number, code: string] {
  const code = error instanceof ObjectError ? error.code : undefined;
  if (code === 'OBJECT_EXISTS') return [412, 'PreconditionFailed'];
  if (code === 'OBJECT_MISSING') return [404, 'NoSuchKey'];
  return [500, 'InternalError'];
}

function missing(name: string): never {
  throw new ObjectError('OBJECT_MISSING', `There is no object ${name}.`);
}

function send(response: ServerResponse, status: number, xml = ''): void {
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(xml) }).end(xml);
}
