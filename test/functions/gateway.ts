import type { GatewayHandler } from '../../functions/http-function.ts';
import type { LambdaContext } from '../../functions/telemetry.ts';

export interface Request {
  method: string;
  path: string;
  body?: string | Uint8Array;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  /** JSON as its value, v3's reports as a list of theirs, events as their text, nothing as undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape, and assert what they find
  body: any;
}

export const context: LambdaContext = {
  awsRequestId: '3c5f2a3e-7b1e-4b0e-9d8e-0c5b4c1f2a11',
  functionName: 'produce',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:eu-central-1:123456789012:function:produce',
  memoryLimitInMB: '1024',
};

const HOST = 'id.execute-api.eu-central-1.amazonaws.com';

/** Events as API Gateway makes them of a request to its own address, stage `prod`: of a REST API and of an HTTP API. */
export const PAYLOADS = {
  '1.0': ({ method, path, body, headers = {} }: Request) => {
    const { pathname, searchParams } = new URL(path, 'https://api');
    const names = [...new Set(searchParams.keys())];
    return {
      resource: '/{proxy+}',
      path: pathname,
      httpMethod: method,
      headers,
      multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
      queryStringParameters: names.length === 0 ? null : Object.fromEntries(searchParams),
      multiValueQueryStringParameters:
        names.length === 0 ? null : Object.fromEntries(names.map((name) => [name, searchParams.getAll(name)])),
      pathParameters: { proxy: pathname.slice(1) },
      requestContext: { stage: 'prod', path: `/prod${pathname}`, domainName: HOST, requestTimeEpoch: Date.now() },
      ...bodyOf(body),
    };
  },
  '2.0': ({ method, path, body, headers = {} }: Request) => {
    const { pathname, search } = new URL(path, 'https://api');
    return {
      version: '2.0',
      routeKey: '$default',
      rawPath: `/prod${pathname}`,
      rawQueryString: search.slice(1),
      headers,
      requestContext: {
        stage: 'prod',
        domainName: HOST,
        timeEpoch: Date.now(),
        http: { method, path: `/prod${pathname}` },
      },
      ...bodyOf(body),
    };
  },
};
export type Payload = keyof typeof PAYLOADS;

/** Bodies that are bytes travel in base64. */
function bodyOf(body: Request['body']) {
  if (body instanceof Uint8Array) return { body: Buffer.from(body).toString('base64'), isBase64Encoded: true };
  return { body: body ?? null, isBase64Encoded: false };
}

export async function ask(handler: GatewayHandler, payload: Payload, request: Request): Promise<Answer> {
  const headers = { ...(request.body !== undefined && { 'content-type': 'application/json' }), ...request.headers };
  const answer = await handler(PAYLOADS[payload]({ ...request, headers }), context);
  if (answer.isBase64Encoded) throw new Error('all answers are text');
  return { status: answer.statusCode, headers: answer.headers, body: parsed(answer.body) };
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  // v3's reports come one a line.
  if (text.endsWith('\r\n'))
    return text
      .trimEnd()
      .split('\r\n')
      .map((line) => JSON.parse(line));
  return /^[[{]/.test(text) ? JSON.parse(text) : text;
}
