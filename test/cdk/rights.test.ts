import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { FUNCTIONS } from '../../cdk/routes.ts';
import {
  BUCKET_ACTIONS,
  ITEM_ACTIONS,
  KEYS,
  type KeyForm,
  MATRIX,
  OBJECT_ACTIONS,
  OBJECTS,
  TABLE_ACTIONS,
} from './expected-rights.ts';
import { type Allows, rightsOf } from './policies.ts';
import { subscribed, synthesized } from './synthesized.ts';

let template: Template;
beforeAll(() => {
  template = synthesized({}, (log, stack) => {
    log.addTopic('orders');
    subscribed(log, stack);
  });
});

describe.each(FUNCTIONS)('what the function %s may do', (name) => {
  let allows: Allows;
  let table: string;
  let bucket: string;
  beforeAll(() => {
    allows = rightsOf(template, `Log${name[0]!.toUpperCase()}${name.slice(1)}Role`);
    table = `${Object.keys(template.findResources('AWS::DynamoDB::Table'))[0]}.Arn`;
    bucket = `${Object.keys(template.findResources('AWS::S3::Bucket'))[0]}.Arn`;
  });
  const { items, objects, bucket: ofBucket } = MATRIX[name];

  it.each(ITEM_ACTIONS)('%s of these partition keys, and of no others', (action) => {
    const request = (key: string) => ({ action: `dynamodb:${action}`, resource: table, leadingKeys: [key] });
    const allowed = (Object.keys(KEYS) as KeyForm[]).filter((form) => allows(request(KEYS[form])));

    expect(allowed).toEqual(items[action] ?? []);
  });

  it('reads no batch with one key that it may not have', () => {
    const forms = items.BatchGetItem ?? [];
    const leadingKeys = [...forms.map((form) => KEYS[form]), KEYS.principals];

    expect(allows({ action: 'dynamodb:BatchGetItem', resource: table, leadingKeys })).toBe(false);
  });

  it('nothing with the table as such, its indexes and its stream', () => {
    for (const action of TABLE_ACTIONS) {
      expect([action, allows({ action: `dynamodb:${action}`, resource: table })]).toEqual([action, false]);
    }
    for (const action of ['Query', 'GetRecords', 'GetShardIterator']) {
      for (const below of ['index/one', 'stream/2026']) {
        const request = { action: `dynamodb:${action}`, resource: `${table}/${below}` };
        expect([request, allows(request)]).toEqual([request, false]);
      }
    }
  });

  it.each(OBJECT_ACTIONS)('%s of these objects, and of no others', (action) => {
    const allowed = (Object.keys(OBJECTS) as (keyof typeof OBJECTS)[]).filter((form) =>
      allows({ action: `s3:${action}`, resource: `${bucket}/${OBJECTS[form]}` }),
    );

    expect(allowed).toEqual(objects[action] ?? []);
  });

  it('of the bucket as such, no more than is said', () => {
    expect(BUCKET_ACTIONS.filter((action) => allows({ action: `s3:${action}`, resource: bucket }))).toEqual(ofBucket);
  });

  it('writes its own log, and no other', () => {
    const groups = Object.keys(template.findResources('AWS::Logs::LogGroup'));
    const writable = groups.filter((id) => allows({ action: 'logs:PutLogEvents', resource: `${id}.Arn` }));

    expect(writable).toEqual([expect.stringMatching(new RegExp(`^Log${name}Logs`, 'i'))]);
    for (const action of ['logs:DeleteLogGroup', 'logs:GetLogEvents', 'lambda:InvokeFunction', 'iam:PassRole']) {
      for (const resource of [...groups.map((id) => `${id}.Arn`), table, bucket, '*']) {
        expect([action, allows({ action, resource })]).toEqual([action, false]);
      }
    }
  });
});
