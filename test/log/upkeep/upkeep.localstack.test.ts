import { randomUUID } from 'node:crypto';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, DeleteBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { systemRandom } from '../../../lib/ids.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openAws } from '../../../lib/open/aws.ts';
import { openDynamodb } from '../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable } from '../../../lib/stores/catalog/dynamodb/table.ts';
import { localstack } from '../../support/localstack.ts';
import { valuesOf } from './stores.ts';

/** Above what the catalog carries. */
const large = (n: number) => `${n}`.padEnd(20_000, '.');

describe('upkeep over S3 and DynamoDB', () => {
  const bucket = `varve-${randomUUID()}`;
  const table = bucket;
  const s3 = new S3Client({ ...localstack, forcePathStyle: true });
  let log: EventLog;

  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    const options = { client: localstack, table, clock: systemClock, random: systemRandom };
    await createTable(options);
    await (await openDynamodb(options)).close();
    log = await openAws({ bucket, table, client: localstack, upkeep: { grace: 0, wait: 0, sweepEvery: 0 } });
  });
  afterAll(async () => {
    await log?.close();
    const admin = new DynamoDBClient(localstack);
    await admin.send(new DeleteTableCommand({ TableName: table }));
    await s3.send(new DeleteBucketCommand({ Bucket: bucket })).catch(() => {});
    admin.destroy();
    s3.destroy();
  });

  const objects = async () => (await s3.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents?.length ?? 0;

  it('deletes the objects of what retention gave up, of deleted topics, and no others', async () => {
    await log.topics.create('kept', { config: { 'retention.ms': '-1' } });
    await log.topics.create('short', { config: { 'retention.ms': '-1' } });
    await log.topics.create('doomed', { config: { 'retention.ms': '-1' } });
    for (let i = 0; i < 8; i++) {
      for (const topic of ['kept', 'short', 'doomed'])
        await log.append(topic, [{ value: large(i) }, { value: 'small' }]);
    }
    expect(await objects()).toBe(24);
    expect(await log.upkeep()).toMatchObject({ deleted: 0, failed: 0 });

    await log.topics.delete('doomed');
    await log.topics.configure('short', { 'retention.ms': '1' });
    expect(await log.upkeep()).toMatchObject({ deleted: 8, raised: 1, failed: 0 });
    expect(await log.upkeep()).toMatchObject({ deleted: 8, raised: 0, failed: 0 });

    expect(await objects()).toBe(8);
    expect(await log.offsets('short', 0)).toEqual({ earliest: 16, latest: 16 });
    expect(await valuesOf(log, 'kept')).toEqual(Array.from({ length: 8 }, (_, i) => [large(i), 'small']).flat());
    await log.topics.delete('kept');
    expect(await log.upkeep()).toMatchObject({ deleted: 8, failed: 0 });
    expect(await objects()).toBe(0);
  });
});
