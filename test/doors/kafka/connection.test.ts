import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiVersions } from '../../../lib/doors/kafka/apis/api-versions.ts';
import { APIS } from '../../../lib/doors/kafka/apis/apis.ts';
import { fetch } from '../../../lib/doors/kafka/apis/fetch.ts';
import { metadata } from '../../../lib/doors/kafka/apis/metadata.ts';
import { produce } from '../../../lib/doors/kafka/apis/produce.ts';
import { numberOf } from '../../../lib/doors/kafka/failures.ts';
import { createFrameCutter } from '../../../lib/doors/kafka/frames.ts';
import { poll } from '../../support/poll.ts';
import { connectRaw, startGateway, type TestGateway } from './gateway.ts';
import { batchOf, valuesOf } from './records.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(['socket.request.max.bytes=1000000']);
});
afterAll(() => gateway.close());

const port = () => gateway.gateway.port;

/** Whether the gateway still answers others. */
async function answers(): Promise<boolean> {
  const client = await connectRaw(port());
  const { errorCode } = await client.call(apiVersions, 0, {});
  client.end();
  return errorCode === 0;
}

describe('ApiVersions', () => {
  test('tells what is served', async () => {
    const client = await connectRaw(port());
    const { apiKeys } = await client.call(apiVersions, 4, { clientSoftwareName: 'test', clientSoftwareVersion: '1' });
    expect(apiKeys.map(({ apiKey }) => apiKey)).toEqual(APIS.map(({ key }) => key));
    expect(apiKeys.find(({ apiKey }) => apiKey === 0)).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 });
    client.end();
  });

  test('of a version that nobody knows yet is answered in version 0 with what there is', async () => {
    const socket = connect(port(), '127.0.0.1');
    const request = Buffer.from('00000009' + '0012' + '0063' + '0000002a' + 'ff', 'hex');
    socket.write(request);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.readInt32BE(4)).toBe(42);
    expect(answer.readInt16BE(8)).toBe(numberOf('UNSUPPORTED_VERSION'));
    expect(answer.readInt32BE(10)).toBe(APIS.length);
    socket.destroy();
  });
});

describe('a connection', () => {
  test.each([
    ['a negative length', '80000000'],
    ['a length that is too large', '7fffffff'],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n').toString('hex')],
    ['an empty frame', '00000000'],
    ['a header that is cut short', '00000005' + '0000000000'],
    ['an API that nobody knows', '0000000a' + '03e7' + '0000' + '00000001' + 'ffff'],
    ['a version that is not served', '0000000a' + '0003' + '0063' + '00000001' + 'ffff'],
  ])('%s ends it, and it alone', async (_, hex) => {
    const socket = connect(port(), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(Buffer.from(hex, 'hex'));
    await once(socket, 'close');
    expect(await answers()).toBe(true);
  });

  // What librdkafka 2.15 sends when it asks for all topics: null, twice false, no tags, and then three bytes that mean nothing.
  test('passes over bytes after a message, as Kafka does', async () => {
    const client = await connectRaw(port());
    const message = '0003' + '000c' + '00000000' + '0001' + '78' + '00' + '00' + '00' + '00' + '00';
    client.frame(Buffer.from(`${message}010000`, 'hex'));
    const [answer] = (await once(client.socket, 'data')) as [Buffer];
    expect(answer.readInt32BE(4)).toBe(0);
    client.end();
    expect(await answers()).toBe(true);
  });

  test('whatever comes in, it ends or is answered, and others are served', { timeout: 60_000 }, async () => {
    const keys = fc.constantFrom(...APIS.map(({ key }) => key), 999);
    const frames = fc
      .tuple(keys, fc.integer({ min: -1, max: 13 }), fc.uint8Array({ maxLength: 200 }))
      .map(([key, version, body]) => {
        const header = Buffer.alloc(8);
        header.writeInt16BE(key, 0);
        header.writeInt16BE(version, 2);
        return Buffer.concat([header, body]);
      });
    await fc.assert(
      fc.asyncProperty(frames, async (frame) => {
        const client = await connectRaw(port());
        client.frame(frame);
        client.socket.end();
        await client.closed;
      }),
      { numRuns: 300 },
    );
    expect(await answers()).toBe(true);
  });

  test('a name that is no UTF-8, and too long to be told again, ends it and is no error of the gateway', async () => {
    const client = await connectRaw(port());
    // As each byte is read as a character of three.
    const name = Buffer.alloc(20_000, 0xff);
    const length = Buffer.from([name.length >> 8, name.length & 255]);
    const head = Buffer.from('0003' + '0001' + '0000002a' + 'ffff' + '00000001', 'hex');
    client.frame(Buffer.concat([head, length, name]));
    await client.closed;

    expect(gateway.errors).toEqual([]);
    expect(await answers()).toBe(true);
  });

  test('frames may come in any pieces', async () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (sent, sizes) => {
        const stream = Buffer.concat(
          sent.flatMap((frame) => {
            const length = Buffer.alloc(4);
            length.writeInt32BE(frame.length);
            return [length, frame];
          }),
        );
        const cutter = createFrameCutter(100);
        const found: Buffer[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length]!;
          found.push(...cutter.push(stream.subarray(at, at + size)));
          at += size;
        }
        expect(found.map((frame) => frame.toString('hex'))).toEqual(
          sent.map((frame) => Buffer.from(frame).toString('hex')),
        );
        expect(cutter.held).toBe(0);
      }),
    );
  });

  test('who does not take answers is not read from either, and gets all of them later, in order', async () => {
    await gateway.log.topics.create('slow');
    const client = await connectRaw(port());
    const value = 'x'.repeat(500_000);
    await gateway.log.append('slow', [{ value }]);
    client.socket.pause();
    const asked = Array.from({ length: 200 }, () =>
      client.call(fetch, 11, {
        replicaId: -1,
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 1 << 20,
        isolationLevel: 0,
        topics: [{ topic: 'slow', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
      }),
    );
    expect(await answers()).toBe(true);
    client.socket.resume();
    for (const { responses } of await Promise.all(asked)) {
      expect(valuesOf(responses[0]!.partitions[0]!.records)[0]).toHaveLength(value.length + 2);
    }
    client.end();
  });

  test('that is idle for too long is closed', async () => {
    const own = await startGateway(['connections.max.idle.ms=200']);
    try {
      const client = await connectRaw(own.gateway.port);
      await client.call(apiVersions, 0, {});
      await client.closed;
    } finally {
      await own.close();
    }
  });

  test('more than max.connections are turned away', async () => {
    const own = await startGateway(['max.connections=2']);
    try {
      const clients = await Promise.all([1, 2, 3].map(() => connectRaw(own.gateway.port)));
      await Promise.race(clients.map(({ closed }) => closed));
      const open = clients.filter(({ socket }) => !socket.destroyed);
      expect(open).toHaveLength(2);
      for (const client of open) expect((await client.call(apiVersions, 0, {})).errorCode).toBe(0);
    } finally {
      await own.close();
    }
  });

  test('a gateway that closes answers what it has taken, and takes no more', async () => {
    const own = await startGateway();
    await own.log.topics.create('drain');
    const client = await connectRaw(own.gateway.port);
    const sent = Array.from({ length: 50 }, (_, i) =>
      client.call(produce, 9, {
        acks: -1,
        timeoutMs: 5_000,
        topicData: [{ name: 'drain', partitionData: [{ index: 0, records: [batchOf([`${i}`])] }] }],
      }),
    );
    await poll('some have come', 5_000, async () =>
      (await own.log.offsets('drain', 0)).latest > 0 ? true : undefined,
    );
    await own.gateway.close(5_000);
    const settled = await Promise.allSettled(sent);
    const acknowledged = settled.filter(({ status }) => status === 'fulfilled').length;
    expect((await own.log.offsets('drain', 0)).latest).toBe(acknowledged);
    await expect(connectRaw(own.gateway.port)).rejects.toThrow();
    await own.log.close();
  });
});

describe('Metadata', () => {
  test('names this gateway for all, and makes topics that are asked for, where that is allowed', async () => {
    const client = await connectRaw(port());
    const ask = (name: string, allowAutoTopicCreation: boolean) =>
      client.call(metadata, 9, { topics: [{ name }], allowAutoTopicCreation });
    expect((await ask('asked', false)).topics[0]).toMatchObject({ errorCode: numberOf('UNKNOWN_TOPIC_OR_PARTITION') });
    const made = await ask('asked', true);
    expect(made).toMatchObject({
      controllerId: 0,
      clusterId: gateway.log.clusterId,
      brokers: [{ nodeId: 0, host: '127.0.0.1', port: port() }],
      topics: [{ errorCode: 0, name: 'asked', partitions: [{ leaderId: 0, replicaNodes: [0], isrNodes: [0] }] }],
    });
    expect((await ask('not/a/name', true)).topics[0]!.errorCode).toBe(numberOf('INVALID_TOPIC_EXCEPTION'));
    const { id } = await gateway.log.topics.describe('asked');
    const byId = await client.call(metadata, 12, { topics: [{ name: null, topicId: id }] });
    expect(byId.topics[0]).toMatchObject({ errorCode: 0, name: 'asked', topicId: id });
    const all = await client.call(metadata, 1, { topics: null });
    expect(all.topics.map(({ name }) => name)).toContain('asked');
    expect((await client.call(metadata, 1, { topics: [] })).topics).toEqual([]);
    client.end();
  });

  test('does not make topics where auto.create.topics.enable is false', async () => {
    const own = await startGateway(['auto.create.topics.enable=false']);
    const client = await connectRaw(own.gateway.port);
    const { topics } = await client.call(metadata, 4, { topics: [{ name: 'asked' }], allowAutoTopicCreation: true });
    expect(topics[0]!.errorCode).toBe(numberOf('UNKNOWN_TOPIC_OR_PARTITION'));
    client.end();
    await own.close();
  });
});
