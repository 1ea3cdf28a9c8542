import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '../../lib/clock.ts';
import { createTable } from '../../lib/stores/catalog/dynamodb/table.ts';
import type { ObjectStore } from '../../lib/stores/objects/objects.ts';
import { dynoxideMissing, startDynoxide } from '../../test/support/dynoxide.ts';
import { startS3 } from './s3-server.ts';
import { startWire, type WireOptions } from './wire.ts';

export interface Engines {
  /** Where both services answer, through the wire. */
  endpoint: string;
  client: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
  bucket: string;
  table: string;
  /** What they are, for whoever reads the figures. */
  names: string;
  close(): Promise<void>;
}

/**
 * A bucket and a table behind a wire. The engines are those that `AWS_ENDPOINT_URL` names (LocalStack, whose DynamoDB is DynamoDB
 * Local), each also by `AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_S3`; otherwise dynoxide, and `objects` behind S3's protocol.
 */
export async function startEngines(objects: ObjectStore, wired: Omit<WireOptions, 'upstream'>): Promise<Engines> {
  const both = process.env.AWS_ENDPOINT_URL;
  const named = {
    dynamodb: process.env.AWS_ENDPOINT_URL_DYNAMODB ?? both,
    s3: process.env.AWS_ENDPOINT_URL_S3 ?? both,
  };
  if (!named.dynamodb && dynoxideMissing)
    throw new Error(`${dynoxideMissing}; name another by AWS_ENDPOINT_URL_DYNAMODB`);
  const dynoxide = named.dynamodb ? undefined : await startDynoxide();
  const s3 = named.s3 ? undefined : await startS3(objects);
  const upstream = { dynamodb: named.dynamodb ?? dynoxide!.endpoint, s3: named.s3 ?? s3!.endpoint };
  const wire = await startWire({ ...wired, upstream });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = { endpoint: wire.endpoint, region: 'us-east-1', credentials };
  const run = `varve-bench-${process.pid}-${Date.now()}`;
  await createTable({ client: { ...client, endpoint: upstream.dynamodb }, table: run, clock: systemClock });
  if (named.s3) {
    const maker = new S3Client({ ...client, endpoint: upstream.s3, forcePathStyle: true });
    await maker.send(new CreateBucketCommand({ Bucket: run }));
    maker.destroy();
  }
  return {
    endpoint: wire.endpoint,
    client,
    bucket: run,
    table: run,
    names: `DynamoDB: ${named.dynamodb ?? 'dynoxide'}; S3: ${named.s3 ?? 'its protocol over a store of this process'}`,
    async close() {
      await wire.close();
      await s3?.close();
      await dynoxide?.stop();
    },
  };
}
