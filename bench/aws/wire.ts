import { Agent, createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { type Listening, listen, readAll } from './listen.ts';

/** One HTTP request of an SDK's client, repeats included. */
export interface Call {
  service: 's3' | 'dynamodb';
  /** As the service's bill names it: `PutObject`, `UpdateItem`. */
  operation: string;
  /** What of DynamoDB's it is about, by the first part of the key: `head`, `page`, `chunk`, `topics`; empty for S3. */
  item: string;
}

export interface Answered extends Call {
  status: number;
  /** DynamoDB's write or read units, as the engine says; for what a condition refused, as AWS bills it. */
  writeUnits: number;
  readUnits: number;
}

export interface WireOptions {
  /** Where the engines answer. */
  upstream: { dynamodb: string; s3: string };
  onAnswer(call: Answered): void;
  /** Resolves when the answer may go back; the engine works meanwhile. */
  hold?(call: Call): Promise<void>;
}

/**
 * One endpoint for both services, between the SDK's clients, which know nothing of it, and the engines: it counts what passes, and holds it up for as long
 * as the real services would take. It asks DynamoDB for the units of each request.
 */
export async function startWire({ upstream, onAnswer, hold }: WireOptions): Promise<Listening> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const door = await listen(
    createServer(async (request, response) => {
      try {
        const { call, body } = look(request, await readAll(request));
        const [answer] = await Promise.all([forward(upstream[call.service], request, body, agent), hold?.(call)]);
        onAnswer({ ...call, status: answer.status, ...unitsOf(call, answer) });
        response.writeHead(answer.status, answer.headers).end(answer.body);
      } catch {
        response.destroy();
      }
    }),
  );
  return {
    endpoint: door.endpoint,
    async close() {
      await door.close();
      agent.destroy();
    },
  };
}

/** What a request is, and its body as it goes on. Only DynamoDB's requests name a target. */
function look(request: IncomingMessage, body: Buffer): { call: Call; body: Buffer } {
  const target = request.headers['x-amz-target'];
  if (typeof target !== 'string') {
    return { call: { service: 's3', operation: s3Operation(request), item: '' }, body };
  }
  const asked = JSON.parse(body.toString()) as Record<string, unknown>;
  const operation = target.slice(target.indexOf('.') + 1);
  const metered = METERED.test(operation) ? { ...asked, ReturnConsumedCapacity: 'TOTAL' } : asked;
  return { call: { service: 'dynamodb', operation, item: itemOf(asked) }, body: Buffer.from(JSON.stringify(metered)) };
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

function forward(
  target: string,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  agent: Agent,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { 'transfer-encoding': _chunked, expect: _expect, ...kept } = headers;
    const asked = httpRequest(new URL(url!, target), {
      method: method!,
      agent,
      headers: { ...kept, 'content-length': body.length },
    });
    asked.once('error', reject);
    asked.once('response', (response) => {
      const { 'transfer-encoding': _, connection: __, ...rest } = response.headers;
      readAll(response).then((whole) => resolve({ status: response.statusCode!, headers: rest, body: whole }), reject);
    });
    asked.end(body);
  });
}

function s3Operation({ method, url, headers }: IncomingMessage): string {
  const { pathname, searchParams } = new URL(url!, 'http://s3');
  const ofBucket = pathname.split('/').filter(Boolean).length < 2;
  if (method === 'PUT') return ofBucket ? 'CreateBucket' : 'PutObject';
  if (method === 'HEAD') return 'HeadObject';
  if (method === 'POST') return searchParams.has('delete') ? 'DeleteObjects' : 'Post';
  if (method === 'DELETE') return 'DeleteObject';
  return ofBucket ? 'ListObjectsV2' : headers.range ? 'GetObject (range)' : 'GetObject';
}

type Attribute = Record<string, unknown>;
type Item = Record<string, Attribute>;

/** Of the first key that a request names. A partition's items go by their sort key, all others by their partition key. */
function itemOf(asked: Record<string, unknown>): string {
  const text = JSON.stringify(asked);
  const of = (name: string) => new RegExp(`"${name}":\\{"S":"([^"#]*)`).exec(text)?.[1] ?? '';
  const values = asked.ExpressionAttributeValues as Item | undefined;
  const pk = of('pk') || /^[^#]*/.exec(String(values?.[':pk']?.S ?? ''))![0];
  return pk === 'partition' ? of('sk') || /^[^#]*/.exec(String(values?.[':from']?.S ?? ''))![0] : pk;
}

const WRITES = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'TransactWriteItems', 'BatchWriteItem']);
const METERED = /Item|Query|Scan/;

function unitsOf({ service, operation }: Call, answer: Answer) {
  if (service === 's3') return { writeUnits: 0, readUnits: 0 };
  const said = JSON.parse(answer.body.toString() || '{}') as {
    __type?: string;
    Item?: Item;
    ConsumedCapacity?: { CapacityUnits?: number } | { CapacityUnits?: number }[];
  };
  const used = [said.ConsumedCapacity ?? []].flat();
  let units = used.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
  // The engines bill nothing for a refusal; AWS bills the write, by the size of what is there.
  if (said.__type?.includes('ConditionalCheckFailed')) units = Math.max(1, Math.ceil(sizeOf(said.Item ?? {}) / 1024));
  return WRITES.has(operation) ? { writeUnits: units, readUnits: 0 } : { writeUnits: 0, readUnits: units };
}

/** The bytes that DynamoDB counts for an item: names, and values by their kind. */
export function sizeOf(item: Item): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueSize(value), 0);
}

function valueSize(attribute: Attribute): number {
  const [kind, value] = Object.entries(attribute)[0]!;
  switch (kind) {
    case 'S':
      return Buffer.byteLength(value as string);
    case 'N':
      return Math.ceil((value as string).replace(/[-.]/g, '').length / 2) + 1;
    case 'B':
      return Buffer.from(value as string, 'base64').length;
    case 'L':
      return (value as Attribute[]).reduce((sum, one) => sum + 1 + valueSize(one), 3);
    case 'M':
      return Object.entries(value as Item).reduce((sum, [name, one]) => sum + 1 + name.length + valueSize(one), 3);
    default:
      return 1;
  }
}
