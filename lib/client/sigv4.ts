import { Sha256 } from '@smithy/core/checksum';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AwsCredentials, Unsigned } from './auth.ts';

/** API Gateway's name in signatures. */
const SERVICE = 'execute-api';
/** Others may be changed on the way. */
const SIGNED = ['content-type', 'content-encoding'];

/**
 * The headers that sign a request by AWS's Signature Version 4, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html.
 * Method, path, query, host, body and the type of the body are what the signature covers; it holds for five minutes around `date`.
 */
export async function signature(
  { method, url, headers, body }: Unsigned,
  credentials: AwsCredentials,
  region: string,
  date: Date,
): Promise<Record<string, string>> {
  const covered = Object.entries(headers).filter(([name]) => SIGNED.includes(name.toLowerCase()));
  const signer = new SignatureV4({ service: SERVICE, region, credentials, sha256: Sha256, applyChecksum: false });
  const signed = await signer.sign(
    {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: queryOf(url),
      headers: { ...Object.fromEntries(covered), host: url.host },
      body,
    },
    { signingDate: date },
  );
  return Object.fromEntries(
    Object.entries(signed.headers).filter(([name]) => name === 'authorization' || name.startsWith('x-amz-')),
  );
}

/** All values of each name. */
function queryOf({ searchParams }: URL): Record<string, string[]> {
  return Object.fromEntries([...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)]));
}
