import { afterEach, expect, test } from 'vitest';
import { joinGroup } from '../../../lib/doors/kafka/apis/join-group.ts';
import { offsetFetch } from '../../../lib/doors/kafka/apis/offset-fetch.ts';
import { connectRaw, startGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;
afterEach(() => gateway.close());

test('what an instance of REST Proxy commits a Kafka client finds, and it is let in when the instance is gone', async () => {
  gateway = await startGateway();
  const { log } = gateway;
  await log.topics.create('t');
  await log.append('t', [{ value: 'a' }, { value: 'b' }]);
  const options = {
    format: 'json',
    autoOffsetReset: 'earliest',
    autoCommit: false,
    session: 45_000,
    minBytes: -1,
    wait: 0,
  } as const;
  const name = await log.instances.create('g', options);
  await log.instances.subscribe('g', name, { topics: ['t'] });
  await log.instances.poll('g', name, { begin() {}, take: () => true, maxBytes: 1_000, maxWait: 0 });
  await log.instances.commit('g', name);

  const client = await connectRaw(gateway.gateway.port);
  const asked = { groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] };
  const { topics } = await client.call(offsetFetch, 5, asked);
  expect(topics[0]!.partitions[0]).toMatchObject({ committedOffset: 2, errorCode: 0 });
  const join = () =>
    client.call(joinGroup, 3, {
      groupId: 'g',
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('x') }],
    });
  expect((await join()).errorCode).not.toBe(0);

  await log.instances.delete('g', name);
  expect((await join()).errorCode).toBe(0);
});
