import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

/**
 * What lies between an SDK's client and its service: every request of DynamoDB and of S3 passes hooks that may lose, delay,
 * repeat or rewrite it, and do the same to its answer. Given to a client as its request handler, so that all of the product's
 * own code runs, and the SDK's.
 */

type Handler = InstanceType<typeof DynamoDBClient>['config']['requestHandler'];
type HttpRequest = Parameters<Handler['handle']>[0];

/** A request that is about to be sent. */
export interface Request {
  /** The service's name for it: `UpdateItem`, `PutObject`. */
  operation: string;
  /** What DynamoDB is asked, as it goes over the wire; empty for S3. */
  input: DynamodbInput;
  /** The object's name and what comes before it; empty for DynamoDB, and where no single object is meant. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}

export interface DynamodbInput {
  TableName?: string;
  ConsistentRead?: boolean;
  /** Of BatchGetItem, by table. */
  RequestItems?: Record<string, { Keys: Attributes[]; ConsistentRead?: boolean }>;
  Key?: Attributes;
  Item?: Attributes;
  UpdateExpression?: string;
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Attributes;
}

export type Attributes = Record<string, { S?: string; N?: string; B?: string; L?: { B?: string }[] }>;

export interface Reply {
  status: number;
  headers: Record<string, string>;
  /** Whole, or, where it is to be broken on its way, as a stream. */
  body: Buffer | Readable;
}

/** Carries the request out, or another one in its place; as often and as late as a hook likes. */
export type Send = (instead?: Request) => Promise<Reply>;

/** Decides what becomes of a request. What it throws is an answer that never came. */
export type Hook = (request: Request, send: Send) => Promise<Reply>;

export const passOn: Hook = (_, send) => send();

/** The connection broke: nobody knows whether the request was carried out. */
export function lost(): never {
  throw Object.assign(new Error('injected: no answer'), { code: 'ECONNRESET' });
}

/** A request that is never answered. */
export const silence = () => new Promise<Reply>(() => {});

const SOCKETS = 128;

/** What the clients of both services have in common. */
type Connection = Pick<DynamoDBClientConfig, 'endpoint' | 'region' | 'credentials'>;

/** The client's settings with a request handler whose every request passes the hooks, the first of them first. */
export function through<C extends Connection>(client: C, ...hooks: Hook[]) {
  const agent = { maxSockets: SOCKETS };
  const { requestHandler: network } = new DynamoDBClient({
    ...client,
    requestHandler: { httpAgent: agent, httpsAgent: agent },
  }).config;

  async function send(http: HttpRequest, request: Request): Promise<Reply> {
    const headers = { ...request.headers, 'content-length': String(request.body.length) };
    const sent = Object.assign(Object.create(Object.getPrototypeOf(http) as object) as HttpRequest, http, {
      headers,
      body: request.body,
    });
    // Without the caller's signal: a request acts whether or not somebody still waits for its answer.
    const { response } = await network.handle(sent);
    return {
      status: response.statusCode,
      headers: response.headers,
      body: response.body ? await buffer(response.body as Readable) : Buffer.alloc(0),
    };
  }

  const handler = {
    metadata: network.metadata!,
    async handle(http: HttpRequest, { abortSignal }: { abortSignal?: { aborted: boolean } } = {}) {
      const answer = hooks.reduceRight<(request: Request) => Promise<Reply>>(
        (next, hook) => async (request) => hook(request, (instead = request) => next(instead)),
        (request) => send(http, encoded(request)),
      );
      const { status, headers, body } = await abortable(answer(await decoded(http)), abortSignal as AbortSignal);
      const stream = body instanceof Readable ? body : Readable.from([body], { objectMode: false });
      // As where the connection is closed under it.
      (abortSignal as AbortSignal | undefined)?.addEventListener('abort', () => stream.destroy(aborted()), {
        once: true,
      });
      return { response: { statusCode: status, headers, body: stream } };
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
    destroy: () => network.destroy?.(),
  };
  return { ...client, requestHandler: handler };
}

async function decoded({ headers, body, method, path, query }: HttpRequest): Promise<Request> {
  const raw: string | Uint8Array = body ?? '';
  // The SDK's own kind of bytes warns where it is taken for a string.
  const bytes = typeof raw === 'string' ? Buffer.from(raw) : Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const target = headers['x-amz-target'];
  if (target !== undefined) {
    const input = JSON.parse(bytes.toString()) as DynamodbInput;
    return { operation: target.split('.')[1]!, input, path: '', headers, body: bytes };
  }
  const named = query?.['x-id'] as string | undefined;
  const operation = named ?? (method === 'HEAD' ? 'HeadObject' : method === 'POST' ? 'DeleteObjects' : 'ListObjectsV2');
  return { operation, input: {}, path, headers, body: bytes };
}

/** What a hook rewrote goes over the wire. */
function encoded(request: Request): Request {
  return request.headers['x-amz-target'] === undefined
    ? request
    : { ...request, body: Buffer.from(JSON.stringify(request.input)) };
}

const aborted = () => Object.assign(new Error('Request aborted'), { name: 'AbortError' });

function abortable<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return answer;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(aborted());
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
