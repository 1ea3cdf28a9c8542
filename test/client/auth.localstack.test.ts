import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { connect } from '../../lib/client/client.ts';
import { ndjson, varve } from '../doors/cli/varve.ts';
import { localstack } from '../support/localstack.ts';
import { deployedStack } from '../support/stack.ts';

// LocalStack takes any signature: that a signed request arrives whole is what is shown here. That it is signed right: auth.test.ts.
const { url, region } = deployedStack();
const { credentials } = localstack;

test('signed requests arrive: by the client, and by the command line', async () => {
  const topic = `signed-${randomUUID()}`;
  const client = connect(url, { auth: { sigv4: { credentials, region } } });
  await client.topics.create(topic, { partitions: 1 });
  await client.append(topic, [{ key: "it's *ä*", value: { total: 1 } }]);

  const env = { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey };
  const flags = ['--aws-sigv4', '--region', region];
  const produced = await varve(url, ['produce', topic, ...flags], { env, input: ndjson([{ total: 2 }]) });
  const consumed = await varve(url, ['consume', topic, '--output', 'value', ...flags], { env });

  expect([produced.code, consumed.code]).toEqual([0, 0]);
  expect(consumed.json()).toEqual([{ total: 1 }, { total: 2 }]);
  await client.topics.delete(topic);
});
