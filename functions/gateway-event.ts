/** API Gateway's events as requests of the web, and answers as it takes them: payload formats 1.0 (REST API, HTTP API) and 2.0 (HTTP API). */

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html */
interface EventV1 {
  httpMethod: string;
  path: string;
  /** The path that is deployed, such as `/topics/{topic}` or `/{proxy+}`. */
  resource?: string;
  pathParameters?: Named<string>;
  headers?: Named<string>;
  multiValueHeaders?: Named<string[]>;
  queryStringParameters?: Named<string>;
  multiValueQueryStringParameters?: Named<string[]>;
  requestContext: { path?: string; stage?: string; domainName?: string; requestTimeEpoch?: number };
  body?: string | null;
  isBase64Encoded?: boolean;
}

interface EventV2 {
  version: '2.0';
  rawPath: string;
  rawQueryString?: string;
  /** `GET /topics/{topic}`, or `$default`. */
  routeKey?: string;
  pathParameters?: Named<string>;
  headers?: Named<string>;
  requestContext: { stage?: string; domainName?: string; timeEpoch?: number; http: { method: string } };
  body?: string | null;
  isBase64Encoded?: boolean;
}

type Named<T> = Readonly<Record<string, T | undefined>> | null;

export interface GatewayRequest {
  /** Its path begins where the door's own addresses do. */
  request: Request;
  /** What the caller's path has before that: the stage's name, or the base path of a custom domain. Without a `/` at its end. */
  basePath: string;
  /** When API Gateway got it, milliseconds since the epoch. */
  receivedAt: number | undefined;
  /** Also of a GET, which `request` has no room for. */
  body: Uint8Array;
}

/** What API Gateway takes from a function, in both formats. */
export interface GatewayAnswer {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
  isBase64Encoded: boolean;
}

/** Throws for what is not an event of API Gateway, or no request that HTTP could carry. */
export function requestOf(event: unknown): GatewayRequest {
  if (isV2(event)) return fromV2(event);
  if (isV1(event)) return fromV1(event);
  throw new TypeError('not an event of API Gateway');
}

export async function answerOf(response: Response): Promise<GatewayAnswer> {
  const headers = Object.fromEntries(response.headers);
  // All that the door answers is text; as such it arrives whatever the caller's Accept says.
  return { statusCode: response.status, headers, body: await response.text(), isBase64Encoded: false };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function isV1(event: unknown): event is EventV1 {
  if (!isObject(event) || !isObject(event.requestContext) || 'elb' in event.requestContext) return false;
  return typeof event.httpMethod === 'string' && typeof event.path === 'string' && isBody(event);
}

function isV2(event: unknown): event is EventV2 {
  if (!isObject(event) || event.version !== '2.0' || !isObject(event.requestContext)) return false;
  const { http } = event.requestContext;
  return isObject(http) && typeof http.method === 'string' && typeof event.rawPath === 'string' && isBody(event);
}

function isBody({ body }: Record<string, unknown>): boolean {
  return body === undefined || body === null || typeof body === 'string';
}

function fromV1(event: EventV1): GatewayRequest {
  const { requestContext, path } = event;
  const whole = requestContext.path ?? path;
  // Under a custom domain `path` has the base path too, so that only the route tells how much of it is the door's own.
  const begins =
    whole !== path && whole.endsWith(path) ? whole.length - path.length : routeBegins(whole, event.resource, event);
  const headers = new Headers();
  for (const [name, value] of Object.entries(event.headers ?? {})) if (value) headers.set(name, value);
  for (const [name, values] of Object.entries(event.multiValueHeaders ?? {})) {
    headers.delete(name);
    for (const value of values ?? []) headers.append(name, value);
  }
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(event.queryStringParameters ?? {})) query.set(name, value ?? '');
  for (const [name, values] of Object.entries(event.multiValueQueryStringParameters ?? {})) {
    query.delete(name);
    for (const value of values ?? []) query.append(name, value);
  }
  const request = requestFrom(event, event.httpMethod, whole.slice(begins), query.toString(), headers);
  return {
    request,
    basePath: whole.slice(0, begins),
    receivedAt: requestContext.requestTimeEpoch,
    body: bodyOf(event),
  };
}

function fromV2(event: EventV2): GatewayRequest {
  const { requestContext, rawPath, routeKey, rawQueryString = '' } = event;
  const begins = routeBegins(rawPath, routeKey?.slice(routeKey.indexOf(' ') + 1), event);
  const headers = new Headers();
  for (const [name, value] of Object.entries(event.headers ?? {})) if (value) headers.set(name, value);
  const request = requestFrom(event, requestContext.http.method, rawPath.slice(begins), rawQueryString, headers);
  return { request, basePath: rawPath.slice(0, begins), receivedAt: requestContext.timeEpoch, body: bodyOf(event) };
}

function requestFrom(event: EventV1 | EventV2, method: string, path: string, query: string, headers: Headers): Request {
  const url = new URL(`https://${event.requestContext.domainName ?? headers.get('host') ?? 'localhost'}`);
  url.pathname = path;
  url.search = query;
  // API Gateway gives rights by the path as it was sent: it must not become another one here. URLs take `\` for `/`, and leave out
  // tabs and line ends.
  if (/(^|[\\/])(\.|%2e){1,2}([\\/]|$)/i.test(path.replace(/[\t\n\r]/g, ''))) {
    throw new TypeError('the path has dot segments');
  }
  const body = bodyOf(event);
  if (body.length === 0 || method === 'GET' || method === 'HEAD') return new Request(url, { method, headers });
  headers.set('content-length', String(body.length));
  return new Request(url, { method, headers, body });
}

function bodyOf(event: EventV1 | EventV2): Buffer {
  return Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
}

/** Where the path begins that is routed: before as many of the last segments as the route has (`/topics/{topic}`, `/{proxy+}`). */
function routeBegins(
  path: string,
  route: string | undefined,
  { requestContext, pathParameters }: EventV1 | EventV2,
): number {
  const filled = route?.replaceAll(/\{(\w+)(\+?)\}/g, (_, name, greedy) =>
    greedy ? (pathParameters?.[name] ?? '$') : 'x',
  );
  if (filled === undefined || filled.includes('$')) {
    // `$default` takes any path: what is not its own can only be the stage.
    const { stage = '$default' } = requestContext;
    return `${path}/`.startsWith(`/${stage}/`) ? stage.length + 1 : 0;
  }
  let begins = path.replace(/\/+$/, '').length;
  for (const segment of filled.split('/')) if (segment !== '') begins = Math.max(path.lastIndexOf('/', begins - 1), 0);
  return begins;
}
