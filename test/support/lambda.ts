import { readdir, readFile } from 'node:fs/promises';

/** LocalStack takes any signature; it only wants to see which service is meant. */
const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=none';

/** The name that the stack gave to the function that its description calls `Varve: WHICH`. */
export async function functionName(endpoint: string, which: string): Promise<string> {
  const answer = await fetch(`${endpoint}/2015-03-31/functions/`, { headers: { authorization: AUTHORIZATION } });
  const { Functions } = (await answer.json()) as { Functions: { FunctionName: string; Description: string }[] };
  const found = Functions.find(({ Description }) => Description.startsWith(`Varve: ${which}`));
  if (!found) throw new Error(`there is no function ${which} among ${Functions.map((one) => one.Description)}`);
  return found.FunctionName;
}

/** Invokes a function directly, past API Gateway. Answers what it returned. */
export async function invoke(
  endpoint: string,
  name: string,
  payload: string,
): Promise<{ failed: boolean; result: unknown }> {
  const answer = await fetch(`${endpoint}/2015-03-31/functions/${name}/invocations`, {
    method: 'POST',
    headers: { authorization: AUTHORIZATION, 'content-type': 'application/json' },
    body: payload,
  });
  const text = await answer.text();
  const failed = answer.status !== 200 || answer.headers.has('x-amz-function-error');
  return { failed, result: text === '' ? undefined : JSON.parse(text) };
}

/** The processes in which LocalStack without Docker runs a function now. */
export async function processesOf(endpoint: string, name: string): Promise<number[]> {
  const { port } = new URL(endpoint);
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    // Others' processes, and those that just ended, cannot be read.
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const variables = environment.split('\0');
    const ours = variables.some((one) => one.startsWith('AWS_ENDPOINT_URL=') && one.endsWith(`:${port}`));
    if (ours && variables.includes(`AWS_LAMBDA_FUNCTION_NAME=${name}`)) found.push(Number(pid));
  }
  return found;
}
