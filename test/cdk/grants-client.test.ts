import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EventLog, type EventLogGrants } from '../../cdk/index.ts';
import { connect } from '../../lib/client/client.ts';
import { varve } from '../doors/cli/varve.ts';
import { type RunningDoor, runDoor } from '../doors/http/running-door.ts';
import { type ApiGateway, runApiGateway } from '../support/api-gateway.ts';
import { rightsOf } from './policies.ts';

let door: RunningDoor;
let gateway: ApiGateway;

beforeEach(async () => {
  door = await runDoor();
  await door.log.topics.create('orders', { partitions: 2, config: { 'max.message.bytes': '2000' } });
});
afterEach(async () => {
  await gateway.close();
  await door.close();
});

/** The address of an API that lets in what a caller with these grants may do, and no more. */
async function apiFor(give: (grants: EventLogGrants, role: iam.Role) => void): Promise<string> {
  const stack = new Stack();
  const attributes = { bucketName: 'theirs', tableName: 'theirs', apiId: 'abc123', stageName: 'prod' };
  const role = new iam.Role(stack, 'Caller', { assumedBy: new iam.AccountRootPrincipal() });
  give(EventLog.fromEventLogAttributes(stack, 'Theirs', attributes).grants, role);
  const allows = rightsOf(Template.fromStack(stack), 'Caller');
  const api = 'arn:aws:execute-api:eu-central-1:111122223333:abc123/prod';
  gateway = await runApiGateway(door.url, {
    allows: (method, path) => allows({ action: 'execute-api:Invoke', resource: `${api}/${method}${path}` }),
  });
  return gateway.url;
}

test.each<[string, (grants: EventLogGrants, role: iam.Role) => void]>([
  ['produce', (grants, role) => grants.produce(role)],
  ['produceTopic', (grants, role) => grants.produceTopic(role, 'orders')],
])('who has grants.%s can produce, by the client and by the command line, and read nothing', async (_, give) => {
  const url = await apiFor(give);
  const client = connect(url);

  await client.append('orders', [{ value: 1, partition: 0 }]);
  // More than a batch of this topic holds: the producer knows its limits.
  const records = Array.from({ length: 10 }, () => ({ value: 'x'.repeat(500), partition: 1 }));
  const appended = await client.producer().append('orders', records);
  const produced = await varve(url, ['produce', 'orders', '--partition', '0'], { input: '2\n3\n' });

  expect(appended.map(({ offset }) => offset)).toEqual([...records.keys()]);
  expect(produced).toMatchObject({ code: 0 });
  expect(await door.log.offsets('orders', 0)).toEqual({ earliest: 0, latest: 3 });
  await expect(client.poll('orders', 0, 0)).rejects.toMatchObject({ code: 'CLUSTER_AUTHORIZATION_FAILED' });
  await expect(client.topics.delete('orders')).rejects.toMatchObject({ code: 'CLUSTER_AUTHORIZATION_FAILED' });
});

test('a topic that is not there is said to who has grants.produce as well', async () => {
  const client = connect(await apiFor((grants, role) => grants.produce(role)));

  const append = client.producer().append('nowhere', [{ value: 1 }]);

  await expect(append).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
});

test.each<[string, (grants: EventLogGrants, role: iam.Role) => void]>([
  ['consume', (grants, role) => grants.consume(role)],
  [
    'consumeTopic and grants.group',
    (grants, role) => {
      grants.consumeTopic(role, 'orders');
      grants.group(role, 'billing');
    },
  ],
])('who has grants.%s can consume as a group, follow, and append nothing', async (_, give) => {
  await door.log.append('orders', [{ value: '1', partition: 0 }]);
  await door.log.append('orders', [{ value: '2', partition: 0 }]);
  const url = await apiFor(give);
  const consume = ['consume', 'orders', '--group', 'billing', '--output', 'value'];

  const first = await varve(url, [...consume, '--max', '1']);
  const second = await varve(url, [...consume, '--follow', '--max', '1']);

  expect([first, second]).toMatchObject([
    { code: 0, stdout: '1\n' },
    { code: 0, stdout: '2\n' },
  ]);
  await expect(connect(url).append('orders', [{ value: 3 }])).rejects.toMatchObject({
    code: 'CLUSTER_AUTHORIZATION_FAILED',
  });
});

test('who has grants.admin can create, alter and delete topics', async () => {
  const client = connect(await apiFor((grants, role) => grants.admin(role)));

  await client.topics.create('payments', { partitions: 1 });
  expect(await client.topics.alter('payments', { partitions: 3 })).toMatchObject({ partitions: 3 });
  const names: string[] = [];
  for await (const { name } of client.topics.list()) names.push(name);
  expect(names).toEqual(['orders', 'payments']);
  await client.topics.delete('payments');

  await expect(client.poll('orders', 0, 0)).rejects.toMatchObject({ code: 'CLUSTER_AUTHORIZATION_FAILED' });
});
