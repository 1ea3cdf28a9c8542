import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { localstack } from './localstack.ts';

/**
 * The engine of LocalStack's tables by its own address, for who makes thousands of requests: through LocalStack each costs four
 * times as much. LocalStack where it is not known, as in Docker. It shows none of the tables that are made through the other.
 */
export async function dynamodbLocal(): Promise<typeof localstack> {
  // LocalStack starts it when it is first asked for something.
  const client = new DynamoDBClient(localstack);
  await client.send(new ListTablesCommand({}));
  client.destroy();
  const { LOCALSTACK_CACHE, LOCALSTACK_PORT = '4566', XDG_CACHE_HOME = join(homedir(), '.cache') } = process.env;
  const cache = LOCALSTACK_CACHE ?? join(XDG_CACHE_HOME, 'varve-localstack');
  const file = join(cache, `run-${LOCALSTACK_PORT}`, 'dynamodb.port');
  if (process.env.AWS_ENDPOINT_URL !== undefined || !existsSync(file)) return localstack;
  return { ...localstack, endpoint: `http://127.0.0.1:${readFileSync(file, 'utf8').trim()}` };
}
