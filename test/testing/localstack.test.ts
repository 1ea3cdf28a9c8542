import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { localstackLog } from '../../lib/testing/testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'varve-outputs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const log = { ApiUrl: 'https://a1.execute-api.127.0.0.1:4566/prod/', BucketName: 'b', TableName: 't' };

test.each<[string, string | object, string | undefined, RegExp]>([
  ['not there', '', undefined, /There is no .*--outputs-file/],
  ['not JSON', '{"Shop": ', undefined, /is not JSON/],
  [
    'without a log',
    { Shop: { SomeUrl: 'https://x' } },
    undefined,
    /no stack with the outputs ApiUrl, BucketName, TableName/,
  ],
  ['without that stack', { Shop: log }, 'Other', /no stack Other with/],
  ['of two logs', { Shop: log, Other: log }, undefined, /2 stacks.*`stack`/],
  [
    'of a stack in AWS',
    { Shop: { ...log, ApiUrl: 'https://a1.execute-api.eu-central-1.amazonaws.com/prod/' } },
    undefined,
    /is not LocalStack's/,
  ],
])('outputs that are %s are refused, with what to do', async (_, content, stack, message) => {
  const outputs = join(folder, `${crypto.randomUUID()}.json`);
  if (content !== '') writeFileSync(outputs, typeof content === 'string' ? content : JSON.stringify(content));

  const opening = localstackLog({ outputs, ...(stack !== undefined && { stack }) });

  await expect(opening).rejects.toMatchObject({ code: 'INVALID_CONFIG', retriable: false });
  await expect(opening).rejects.toThrow(message);
});
