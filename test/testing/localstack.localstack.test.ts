import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { localstackLog } from '../../lib/testing/testing.ts';
import { deployedStack } from '../support/stack.ts';
import { runExample } from './docs.ts';

const outputs = fileURLToPath(new URL('../../dist/outputs.json', import.meta.url));

test('finds the log that was deployed by its outputs alone', async () => {
  const { endpoint, url, bucket, table } = deployedStack();

  await using deployed = await localstackLog({ outputs, stack: 'Varve' });

  expect(deployed).toMatchObject({ endpoint, url, bucket, table });
  const { region, credentials } = deployed;
  const s3 = new S3Client({ endpoint, region, credentials });
  expect((await s3.send(new ListObjectsV2Command({ Bucket: bucket }))).$metadata.httpStatusCode).toBe(200);
  s3.destroy();
});

test('the example of docs/testing.md for LocalStack passes', async () => {
  expect(await runExample('localstackLog', { 'outputs.json': readFileSync(outputs, 'utf8') })).toBe(1);
}, 120_000);
