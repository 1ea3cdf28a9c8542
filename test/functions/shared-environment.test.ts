import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildFunction } from '../../cdk/build-functions.ts';
import type { GatewayHandler } from '../../functions/http-function.ts';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import { openAws } from '../../lib/open/aws.ts';
import { openDynamodb } from '../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable } from '../../lib/stores/catalog/dynamodb/table.ts';
import { type Recorder, startRecorder } from '../cdk/recorder.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../support/dynoxide.ts';

const CALLS = 64;
const PARTITIONS = 2;

describe.skipIf(dynoxideMissing !== undefined)('requests that share an environment, as on Managed Instances', () => {
  const table = `varve-${randomUUID()}`;
  let folder: string;
  let dynoxide: Dynoxide;
  let recorder: Recorder;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'varve-bundle-'));
    buildFunction('produce', folder);
    dynoxide = await startDynoxide();
    recorder = await startRecorder(dynoxide.endpoint);
    const { client } = dynoxide;
    vi.stubEnv('AWS_ENDPOINT_URL', recorder.endpoint);
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
    vi.stubEnv('AWS_REGION', client.region);
    vi.stubEnv('AWS_ACCESS_KEY_ID', client.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', client.credentials.secretAccessKey);
    vi.stubEnv('VARVE_BUCKET', 'the-bucket');
    vi.stubEnv('VARVE_TABLE', table);
    vi.stubEnv('VARVE_LINGER_MS', '25');
    const options = { client, table, clock: systemClock, random: systemRandom };
    await createTable(options);
    await (await openDynamodb(options)).close();
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await recorder.close();
    await dynoxide.stop();
    await rm(folder, { recursive: true });
  });

  it('share segments and appends, and each is told its own offset', async () => {
    // Given the bundle as Lambda loads it, and a topic
    const { handler } = (await import(pathToFileURL(join(folder, 'index.mjs')).href)) as {
      handler: GatewayHandler;
    };
    const log = await openAws({ bucket: 'the-bucket', table });
    await log.topics.create('orders', { partitions: PARTITIONS });
    const produce = async (call: number) => {
      const partition = call % PARTITIONS;
      const value = randomBytes(3_000).toString('base64');
      const path = `/api/topics/orders/partitions/${partition}/records`;
      const answer = await handler(
        {
          version: '2.0',
          rawPath: path,
          rawQueryString: '',
          headers: { 'content-type': 'application/json' },
          requestContext: { domainName: 'api.example', http: { method: 'POST', path } },
          body: JSON.stringify({ records: [{ value }] }),
          isBase64Encoded: false,
        },
        {
          awsRequestId: `${call}`,
          functionName: 'f',
          functionVersion: '1',
          invokedFunctionArn: '',
          memoryLimitInMB: '2048',
        },
      );
      return { partition, value, status: answer.statusCode, ...JSON.parse(answer.body).offsets[0] };
    };
    await produce(0);
    recorder.seen.length = 0;

    // When 64 requests come at the same time
    const answers = await Promise.all(Array.from({ length: CALLS }, (_, call) => produce(call)));

    // Then a few segments and appends carried all of them
    const sent = (action: string) => recorder.seen.filter((one) => one.action === action).length;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(sent('s3:PutObject')).toBeGreaterThan(0);
    expect(sent('s3:PutObject')).toBeLessThanOrEqual(CALLS / 8);
    expect(sent('dynamodb:UpdateItem')).toBeLessThanOrEqual(CALLS / 4);

    // and each record is at the offset that its caller was told
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const { records } = await log.poll('orders', partition, 0, { maxBytes: 8 * 1024 * 1024 });
      const mine = answers.filter((one) => one.partition === partition);
      const at = new Map(records.map(({ offset, value }) => [offset, JSON.parse(Buffer.from(value!).toString())]));
      expect(at.size).toBe(mine.length + (partition === 0 ? 1 : 0));
      for (const { offset, value } of mine) expect(at.get(offset)).toBe(value);
    }
    await log.close();
  });
});
