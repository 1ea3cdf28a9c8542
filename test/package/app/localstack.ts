// Against the stack that stack.ts deployed: through its API, and with the library over its bucket and table.
import { deepEqual, equal } from 'node:assert/strict';
import { openAws } from 'varve/aws';
import { connect } from 'varve/client';
import { localstackLog } from 'varve/testing';

const deployed = await localstackLog({ outputs: 'outputs.json', stack: 'Shop' });
const { url, bucket, table, endpoint, region, credentials } = deployed;
const topic = `orders-${process.pid}`;

const client = connect(url);
await client.topics.create(topic, { partitions: 1 });
await client.append(topic, [{ key: 'a', value: { total: 42 } }]);
await client.producer().append(topic, [{ value: 'x'.repeat(100_000) }]);

const log = await openAws({ bucket, table, client: { endpoint, region, credentials } });
await log.append(topic, [{ value: '"by the library"' }]);
deepEqual(await log.offsets(topic, 0), { earliest: 0, latest: 3 });
await log.close();

const { records } = await deployed.client.poll(topic, 0, 'earliest');
deepEqual(
  records.map(({ offset, key, value }) => [offset, key, typeof value === 'string' ? value.length : value]),
  [
    [0, 'a', { total: 42 }],
    [1, null, 100_000],
    [2, null, 14],
  ],
);
equal((await deployed.log.topics.describe(topic)).partitions, 1);
equal((await deployed.log.topics.describe('declared')).partitions, 3);
await deployed.client.topics.delete(topic);
await deployed.close();
