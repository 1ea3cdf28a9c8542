import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FUNCTIONS, type FunctionName } from '../../cdk/routes.ts';
import { systemClock } from '../../lib/clock.ts';
import { createTable } from '../../lib/stores/catalog/dynamodb/table.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../support/dynoxide.ts';
import { everyWay } from './every-way.ts';
import { MATRIX } from './expected-rights.ts';
import { type Allows, rightsOf } from './policies.ts';
import { type Recorder, startRecorder } from './recorder.ts';
import { subscribed, synthesized } from './synthesized.ts';

/*
 * The functions run for real, with a recorder between them and their stores: every request that they send is one that the
 * synthesized policies allow, and what is allowed is sent.
 */

const TABLE = `varve-${randomUUID()}`;

describe.skipIf(dynoxideMissing !== undefined)('the rights of the functions', () => {
  let dynoxide: Dynoxide;
  let recorder: Recorder;
  let allowed: (name: FunctionName) => Allows;
  let tableArn: string;
  let bucketArn: string;

  beforeAll(async () => {
    dynoxide = await startDynoxide();
    recorder = await startRecorder(dynoxide.endpoint);
    const { client } = dynoxide;
    await createTable({ client, table: TABLE, clock: systemClock });
    vi.stubEnv('AWS_ENDPOINT_URL', recorder.endpoint);
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
    vi.stubEnv('VARVE_BUCKET', 'the-bucket');
    vi.stubEnv('VARVE_TABLE', TABLE);
    vi.stubEnv('VARVE_QUEUE', 'http://127.0.0.1:1/queue');
    vi.stubEnv('AWS_REGION', client.region);
    vi.stubEnv('AWS_ACCESS_KEY_ID', client.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', client.credentials.secretAccessKey);
    const template = synthesized({}, (log, stack) => {
      log.addTopic('orders');
      subscribed(log, stack);
    });
    tableArn = `${Object.keys(template.findResources('AWS::DynamoDB::Table'))[0]}.Arn`;
    bucketArn = `${Object.keys(template.findResources('AWS::S3::Bucket'))[0]}.Arn`;
    allowed = (name) => rightsOf(template, `Log${name[0]!.toUpperCase()}${name.slice(1)}Role`);
    await everyWay(recorder, TABLE);
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await recorder?.close();
    await dynoxide?.stop();
  });

  const form = ({ action, key }: { action: string; key: string }) => `${action} ${key.replace(/[#/].*$/s, '')}`;

  it.each(FUNCTIONS)('are enough for %s', (name) => {
    const allows = allowed(name);
    const refused = recorder.seen
      .filter(({ by }) => by === name)
      .filter(({ action, key }) =>
        action.startsWith('dynamodb:')
          ? !allows({ action, resource: tableArn, leadingKeys: [key] })
          : !allows({ action, resource: key === '' ? bucketArn : `${bucketArn}/${key}` }),
      );

    expect([...new Set(refused.map(form))]).toEqual([]);
  });

  /** What no way above came to, and why it is needed. */
  const UNSEEN: Readonly<Record<FunctionName, string[]>> = {
    // Whichever function is the first to open a log writes its format.
    produce: [],
    fetch: [
      'dynamodb:PutItem meta',
      // Compaction has yet to write such objects, which readers will meet.
      's3:GetObject compacted',
      // Without it S3 says of an object that is missing that one may not read it.
      's3:ListBucket ',
    ],
    admin: ['dynamodb:PutItem meta'],
    upkeep: ['dynamodb:PutItem meta'],
    topics: ['dynamodb:PutItem meta'],
    notify: ['dynamodb:PutItem meta'],
    deliver: ['dynamodb:PutItem meta', 's3:GetObject compacted', 's3:ListBucket '],
    subscriptions: ['dynamodb:PutItem meta', 's3:GetObject compacted', 's3:ListBucket '],
  };

  it.each(FUNCTIONS)('are no more than %s uses', (name) => {
    const used = new Set(recorder.seen.filter(({ by }) => by === name).map(form));
    const { items, objects, bucket } = MATRIX[name];
    const given = [
      ...Object.entries(items).flatMap(([action, forms]) => forms.map((one) => `dynamodb:${action} ${one}`)),
      ...Object.entries(objects).flatMap(([action, forms]) => forms.map((one) => `s3:${action} ${one}`)),
      ...bucket.map((action) => `s3:${action} `),
    ];

    expect(given.filter((one) => !used.has(one))).toEqual(UNSEEN[name]);
  });
});
