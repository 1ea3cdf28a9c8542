import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, DeleteBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';
import { openS3 } from '../../../lib/stores/objects/s3.ts';
import { objectStoreContract } from '../../contract/objects.ts';
import { patientClock } from '../../support/clock.ts';
import { localstack } from '../../support/localstack.ts';

const bucket = `varve-${randomUUID()}`;
const admin = new S3Client(localstack);

beforeAll(async () => {
  await admin.send(new CreateBucketCommand({ Bucket: bucket }));
});
afterAll(async () => {
  await admin.send(new DeleteBucketCommand({ Bucket: bucket }));
  admin.destroy();
});

// Each store has a prefix of its own in the one bucket, so that what one lists is no other's.
objectStoreContract('S3 on LocalStack', async () => {
  const options = { client: localstack, bucket, prefix: `${randomUUID()}/`, clock: patientClock };
  const stores = [openS3(options)];
  return {
    store: stores[0]!,
    reopen: async () => {
      await stores[0]!.close();
      stores.push(openS3(options));
      return stores.at(-1)!;
    },
    cleanup: async () => {
      const store = openS3(options);
      for (;;) {
        const names = (await store.list('')).map((object) => object.name);
        if (names.length === 0) break;
        await store.delete(names);
      }
      await Promise.all([...stores, store].map((each) => each.close()));
    },
  };
});
