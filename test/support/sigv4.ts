import { createHash, createHmac } from 'node:crypto';

/** A request as it came over the wire: nothing decoded. */
export interface RawRequest {
  method: string;
  /** Path and query. */
  target: string;
  /** By lower-case name. */
  headers: Readonly<Record<string, string | undefined>>;
  body: Uint8Array;
}

export interface Claim {
  accessKeyId: string;
  region: string;
  service: string;
  /** Milliseconds since the epoch. */
  signedAt: number;
  /** Names of the headers that the signature covers. */
  covers: string[];
  /** Whether the signature is the one that the holder of `secret` would have made. */
  isSignedWith(secret: string): boolean;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;

/**
 * What a request says of who signed it, by AWS's description of Signature Version 4 and by no library that signs:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Undefined when it is not signed.
 */
export function claimOf({ method, target, headers, body }: RawRequest): Claim | undefined {
  const [, accessKeyId, day, region, service, names, signature] = AUTHORIZATION.exec(headers.authorization ?? '') ?? [];
  const date = headers['x-amz-date'];
  if (!accessKeyId || !day || !region || !service || !names || !date?.startsWith(day)) return undefined;
  const [path = '', query = ''] = target.split('?', 2);
  const covers = names.split(';');
  const canonical = [
    method,
    encoded(path).replaceAll('%2F', '/'),
    query
      .split('&')
      .filter(Boolean)
      .map(parameter)
      .sort(byNameThenValue)
      .map((pair) => pair.join('='))
      .join('&'),
    ...covers.map((name) => `${name}:${headers[name]?.trim().replaceAll(/ +/g, ' ')}`),
    '',
    names,
    sha256(body),
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', date, `${day}/${region}/${service}/aws4_request`, sha256(canonical)].join('\n');
  return {
    accessKeyId,
    region,
    service,
    signedAt: Date.parse(date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')),
    covers,
    isSignedWith(secret) {
      const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`);
      return hmac(key, toSign).toString('hex') === signature;
    },
  };
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** Every byte but the unreserved ones of RFC 3986, `%` of what is encoded already included. */
function encoded(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => String.fromCharCode(byte))
    .map((char) => (/[\w.~-]/.test(char) ? char : `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`))
    .join('');
}

/** A parameter of a query, whose name and value count as they are meant, not as they are written. */
function parameter(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  const [name, value] = at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  return [encoded(decodeURIComponent(name)), encoded(decodeURIComponent(value))];
}

function byNameThenValue(a: [string, string], b: [string, string]): number {
  const at = a[0] === b[0] ? 1 : 0;
  return a[at] < b[at] ? -1 : 1;
}
