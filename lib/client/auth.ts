import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';

/** What lets a client in where an API asks who calls. Without it requests carry nothing but `headers`. */
export interface Auth {
  /** Requests are signed with AWS credentials (SigV4), for an API that asks for IAM. */
  sigv4?: Sigv4;
  /** Sent as `x-api-key`. */
  apiKey?: string;
}

export interface Sigv4 {
  /** A provider of the AWS SDK's, or the credentials. A provider is asked for each request, and is to remember what it found. */
  credentials: AwsCredentials | (() => Promise<AwsCredentials>);
  /** Of the API, such as `eu-central-1`. Default: as the address says, https://ID.execute-api.REGION.amazonaws.com. */
  region?: string;
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Unsigned {
  method: string;
  url: URL;
  headers: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
}

/** The headers that one request needs besides its own. They hold for minutes: a request that is repeated needs new ones. */
export type Authorize = (request: Unsigned) => Promise<Record<string, string>>;

/** INVALID_CONFIG when the address does not say its region and `sigv4` does not either. */
export function authorize({ sigv4, apiKey }: Auth, address: string, clock: Clock): Authorize {
  const key = apiKey === undefined ? {} : { 'x-api-key': apiKey };
  if (sigv4 === undefined) return async () => key;
  const region = sigv4.region ?? regionOf(address);
  if (region === undefined) {
    throw new VarveError('INVALID_CONFIG', `The address ${address} does not say its AWS region: name the region.`);
  }
  const { credentials } = sigv4;
  return async (request) => {
    const found = typeof credentials === 'function' ? await provided(credentials) : credentials;
    // Only who signs needs it.
    const { signature } = await import('./sigv4.ts');
    return { ...key, ...(await signature(request, found, region, new Date(clock.now()))) };
  };
}

/** Of an API of API Gateway under AWS's own name. */
function regionOf(address: string): string | undefined {
  return /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/.exec(new URL(address).hostname)?.[1];
}

async function provided(credentials: () => Promise<AwsCredentials>): Promise<AwsCredentials> {
  try {
    return await credentials();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VarveError(
      'SASL_AUTHENTICATION_FAILED',
      `There are no AWS credentials to sign with (${reason}): log in, or name a profile that has some.`,
      { cause },
    );
  }
}
