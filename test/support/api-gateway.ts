import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Claim, claimOf } from './sigv4.ts';

/** What API Gateway does with a request before it calls a function, over a server that stands for the function. */
export interface ApiGateway {
  /** With the stage. */
  readonly url: string;
  /** Every request that was let in. */
  readonly claims: (Claim | undefined)[];
  close(): Promise<void>;
}

export interface ApiGatewayOptions {
  /** Signatures of others are refused; absent: nobody needs to sign. */
  iam?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string; region: string };
  apiKey?: string;
  /** Whether the caller's rights hold for this; absent: for all. */
  allows?: (method: string, path: string) => boolean;
  now?: () => number;
  /** The path of the stage; default `/prod`. */
  stage?: string;
}

const SKEW = 5 * 60_000;

/** Its own answers are those of AWS, word for word. */
export async function runApiGateway(upstream: string, options: ApiGatewayOptions): Promise<ApiGateway> {
  const claims: (Claim | undefined)[] = [];
  const { stage = '/prod' } = options;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '', headers } = request;
    const body = await buffer(request);
    const claim = claimOf({ method, target, headers: headers as Record<string, string>, body });
    const refusal = refusalOf(claim, headers, options) ?? denialOf(method, target.slice(stage.length), options);
    if (refusal) {
      const [status, type, message] = refusal;
      response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': type });
      response.end(JSON.stringify({ message }));
      return;
    }
    claims.push(claim);
    const { host, connection, 'content-length': length, authorization, ...passed } = headers;
    const answered = await fetch(upstream + target.slice(stage.length), {
      method,
      headers: passed as Record<string, string>,
      ...(body.length > 0 && { body }),
    });
    response.writeHead(answered.status, { 'content-type': answered.headers.get('content-type') ?? 'text/plain' });
    if (answered.body === null) response.end();
    else
      Readable.fromWeb(answered.body)
        .on('error', () => response.destroy())
        .pipe(response);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${stage}`,
    claims,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function denialOf(method: string, target: string, { allows }: ApiGatewayOptions): Refusal | undefined {
  const [path = ''] = target.split('?', 1);
  if (allows === undefined || allows(method, path)) return undefined;
  const user = 'User: arn:aws:sts::111122223333:assumed-role/caller/x';
  const resource = `arn:aws:execute-api:eu-central-1:********3333:abc123/prod/${method}${path}`;
  const message = `${user} is not authorized to perform: execute-api:Invoke on resource: ${resource}`;
  return [403, 'AccessDeniedException', message];
}

type Refusal = [status: number, type: string, message: string];

function refusalOf(
  claim: Claim | undefined,
  headers: IncomingMessage['headers'],
  { iam, apiKey, now = Date.now }: ApiGatewayOptions,
): Refusal | undefined {
  if (apiKey !== undefined && headers['x-api-key'] !== apiKey) return [403, 'ForbiddenException', 'Forbidden'];
  if (iam === undefined) return undefined;
  if (claim === undefined) return [403, 'MissingAuthenticationTokenException', 'Missing Authentication Token'];
  if (claim.accessKeyId !== iam.accessKeyId || headers['x-amz-security-token'] !== iam.sessionToken) {
    return [403, 'UnrecognizedClientException', 'The security token included in the request is invalid.'];
  }
  if (Math.abs(now() - claim.signedAt) > SKEW) {
    return [
      403,
      'InvalidSignatureException',
      'Signature expired: 20261122T190000Z is now earlier than 20261122T191500Z',
    ];
  }
  const scoped = claim.service === 'execute-api' && claim.region === iam.region && claim.covers.includes('host');
  if (!scoped || !claim.isSignedWith(iam.secretAccessKey)) {
    const message = 'The request signature we calculated does not match the signature you provided.';
    return [403, 'InvalidSignatureException', message];
  }
  return undefined;
}
