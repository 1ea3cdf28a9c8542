/** LocalStack takes any signature; it only wants to see which service is meant. */
const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=none';

/** All lines of a log group, of CloudWatch Logs on LocalStack. */
export async function logLines(endpoint: string, group: string): Promise<string[]> {
  const lines: string[] = [];
  let next: string | undefined;
  do {
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: {
        authorization: AUTHORIZATION,
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'Logs_20140328.FilterLogEvents',
      },
      body: JSON.stringify({ logGroupName: group, ...(next !== undefined && { nextToken: next }) }),
    });
    const { events, nextToken } = (await answer.json()) as { events?: { message: string }[]; nextToken?: string };
    if (!events) throw new Error(`no events of ${group}: ${answer.status}`);
    lines.push(...events.map(({ message }) => message.trim()));
    next = nextToken;
  } while (next !== undefined);
  return lines;
}
