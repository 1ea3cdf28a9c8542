import { randomUUID } from 'node:crypto';
import { vi } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import { openDynamodb } from '../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable } from '../../lib/stores/catalog/dynamodb/table.ts';
import { type Dynoxide, startDynoxide } from '../support/dynoxide.ts';

export interface FunctionTable {
  dynoxide: Dynoxide;
  /** Of a function over a new table; its bucket does not exist, so nothing here may be large enough for it. */
  env: { VARVE_BUCKET: string; VARVE_TABLE: string };
  /** Makes another table. */
  create(table: string): Promise<void>;
  stop(): Promise<void>;
}

/** DynamoDB for functions in this process, found by the environment as Lambda sets it. */
export async function startFunctionTable(): Promise<FunctionTable> {
  const dynoxide = await startDynoxide();
  const { client } = dynoxide;
  vi.stubEnv('AWS_ENDPOINT_URL', client.endpoint);
  vi.stubEnv('AWS_REGION', client.region);
  // Their lines would fill the tests' own.
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
  vi.stubEnv('AWS_ACCESS_KEY_ID', client.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', client.credentials.secretAccessKey);
  const table = `varve-${randomUUID()}`;
  const create = async (name: string) => {
    const options = { client, table: name, clock: systemClock, random: systemRandom };
    await createTable(options);
    await (await openDynamodb(options)).close();
  };
  await create(table);
  return {
    dynoxide,
    env: { VARVE_BUCKET: 'varve-no-bucket', VARVE_TABLE: table },
    create,
    async stop() {
      vi.unstubAllEnvs();
      await dynoxide.stop();
    },
  };
}
