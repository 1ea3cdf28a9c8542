const port = process.env.LOCALSTACK_PORT ?? '4566';

/** Where LocalStack is; and what an AWS SDK's client needs to talk to it, the same in functions and tests. */
export const localstack = {
  endpoint: process.env.AWS_ENDPOINT_URL ?? `http://127.0.0.1:${port}`,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
};

/** Vitest calls it once, before any test: says what to do where LocalStack does not answer, instead of failing each test. */
export default async function requireLocalstack(): Promise<void> {
  const missing = await localstackMissing();
  if (missing !== undefined) throw new Error(missing);
}

/** What to do where LocalStack does not answer; undefined where it does. */
export async function localstackMissing(): Promise<string | undefined> {
  const { endpoint } = localstack;
  const health = await fetch(`${endpoint}/_localstack/health`, { signal: AbortSignal.timeout(5_000) }).catch(
    () => undefined,
  );
  if (health?.ok) return undefined;
  return `No LocalStack answers at ${endpoint}: start it by \`npm run localstack\`, or name another by AWS_ENDPOINT_URL.`;
}
