import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { createTopics } from '../../../lib/doors/kafka/apis/create-topics.ts';
import { fetch } from '../../../lib/doors/kafka/apis/fetch.ts';
import { listOffsets } from '../../../lib/doors/kafka/apis/list-offsets.ts';
import { metadata } from '../../../lib/doors/kafka/apis/metadata.ts';
import { produce } from '../../../lib/doors/kafka/apis/produce.ts';
import { numberOf } from '../../../lib/doors/kafka/failures.ts';
import { startKafkaGateway } from '../../../lib/doors/kafka/gateway.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import { createLog } from '../../../lib/log/log.ts';
import { awsPrices } from '../../../lib/log/placement.ts';
import { openDynamodb } from '../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable } from '../../../lib/stores/catalog/dynamodb/table.ts';
import { openMemory } from '../../../lib/stores/objects/memory.ts';
import { createReplica } from '../../faults/replica.ts';
import { through } from '../../faults/transport.ts';
import { travelClock } from '../../support/clock.ts';
import { poll } from '../../support/poll.ts';
import { connectRaw } from './gateway.ts';
import { batchOf, valuesOf } from './records.ts';

interface Connection {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}

const NO_ERROR = 0;
const OUT_OF_RANGE = numberOf('OFFSET_OUT_OF_RANGE');
const TIME_OUT = 20_000;

/**
 * Two gateways over one table. One of them sees, by eventually consistent reads, nothing but the past, for as long as the test
 * wants; `there` is the other.
 */
async function twoGateways(client: Connection) {
  const table = `varve-${randomUUID()}`;
  const replica = createReplica(client, table, () => `varve-${randomUUID()}`);
  const clock = travelClock();
  const objects = openMemory();
  const config = parseBrokerConfig(['auto.create.topics.enable=false']);
  const open = async (own: Connection) => {
    const catalog = await openDynamodb({ client: own, table, clock, random: systemRandom, mark: 'self' });
    const log = createLog({
      catalog,
      objects: { ...objects, close: async () => {} },
      clock,
      random: systemRandom,
      brokerConfig: config,
      prices: awsPrices,
    });
    const common = { log, clock: systemClock, random: systemRandom, logger: pino({ level: 'error' }), config };
    const gateway = await startKafkaGateway({ ...common, host: '127.0.0.1', port: 0 });
    const door = await connectRaw(gateway.port);
    const appended = async (topic: string, values: readonly string[], index = 0) => {
      const partitionData = [{ index, records: [batchOf(values)] }];
      const request = { acks: -1, timeoutMs: 30_000, topicData: [{ name: topic, partitionData }] };
      const { responses } = await door.call(produce, 9, request);
      const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
      return { errorCode, baseOffset: Number(baseOffset) };
    };
    const fetched = async (topic: string, fetchOffset: number, { partition = 0, wait = 0 } = {}) => {
      const one = { partition, fetchOffset, partitionMaxBytes: 1 << 20 };
      const topics = [{ topic, partitions: [one] }];
      const request = { replicaId: -1, maxWaitMs: wait, minBytes: 1, maxBytes: 1 << 20, isolationLevel: 0, topics };
      const answer = await door.call(fetch, 11, request);
      const { errorCode, records } = answer.responses[0]!.partitions[0]!;
      return { errorCode, values: valuesOf(records) };
    };
    const listed = async (name: string, timestamp: number, partitionIndex = 0) => {
      const request = {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name, partitions: [{ partitionIndex, timestamp }] }],
      };
      const { topics } = await door.call(listOffsets, 7, request);
      const { errorCode, offset } = topics[0]!.partitions[0]!;
      return { errorCode, offset: Number(offset) };
    };
    const partitionsOf = async (name: string) => {
      const { topics } = await door.call(metadata, 9, { topics: [{ name }], allowAutoTopicCreation: false });
      return { errorCode: topics[0]!.errorCode, partitions: topics[0]!.partitions.length };
    };
    const close = async () => {
      door.end();
      await gateway.close(1_000);
      await log.close();
    };
    return { log, door, appended, fetched, listed, partitionsOf, close };
  };
  await createTable({ client, table, clock });
  const there = await open(client);
  const here = await open(through(client, replica.hook));
  return {
    here,
    there,
    replica,
    clock,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([here.close(), there.close()]);
    },
  };
}

const LATEST = -1;
const EARLIEST = -2;

/** What must hold of a gateway whose every cached head and eventually consistent read is old, over any engine. */
export function staleHeads(connect: () => Connection): void {
  describe('a gateway that is shown the past', () => {
    /** A topic of one record that `here` knows, and nothing after it by itself. */
    async function held() {
      const gateways = await twoGateways(connect());
      const { here, there, replica } = gateways;
      await there.log.topics.create('orders');
      await there.appended('orders', ['0']);
      expect(await here.fetched('orders', 0)).toEqual({ errorCode: NO_ERROR, values: ['0:0'] });
      await replica.hold();
      return gateways;
    }

    test('serves offsets beyond the high watermark that it knows, and says that one is out of range only of the head as it is', async () => {
      await using gateways = await held();
      const { here, there, replica } = gateways;
      await there.appended('orders', ['1', '2', '3']);

      expect(await here.fetched('orders', 2)).toEqual({ errorCode: NO_ERROR, values: ['1:1', '2:2', '3:3'] });
      await there.appended('orders', ['4']);
      expect(await here.fetched('orders', 5, { wait: 100 })).toEqual({ errorCode: NO_ERROR, values: [] });
      replica.strong.length = 0;
      expect(await here.fetched('orders', 6)).toEqual({ errorCode: OUT_OF_RANGE, values: [] });
      expect(replica.strong).toHaveLength(1);
      expect(replica.strong[0]).toMatch(/^partition#/);
    });

    test('lets those wait who are where it believes the end to be, and has what came in a minute however long its replica lags', async () => {
      await using gateways = await held();
      const { here, there, clock } = gateways;
      await there.appended('orders', ['1']);

      const served = await poll('the record', TIME_OUT, async () => {
        const answer = await here.fetched('orders', 1, { wait: 50 });
        expect(answer.errorCode).toBe(NO_ERROR);
        clock.advance(5_000);
        return answer.values.length > 0 ? answer.values : undefined;
      });

      expect(served).toEqual(['1:1']);
    });

    test('tells the newest offsets of all', async () => {
      await using gateways = await held();
      const { here, there } = gateways;
      for (let i = 1; i <= 5; i++) {
        const { baseOffset } = await there.appended('orders', [`${i}`]);
        expect(await here.listed('orders', LATEST)).toEqual({ errorCode: NO_ERROR, offset: baseOffset + 1 });
      }
      await there.log.deleteRecords('orders', 0, 4);
      expect(await here.listed('orders', EARLIEST)).toEqual({ errorCode: NO_ERROR, offset: 4 });
    });

    test('finds topics that were just made, and partitions that were just added', async () => {
      await using gateways = await held();
      const { here, there } = gateways;
      const topics = [{ name: 'new', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
      await there.door.call(createTopics, 4, { topics, timeoutMs: 30_000, validateOnly: false });
      const empty = { errorCode: NO_ERROR, values: [] };

      expect(await here.fetched('new', 0, { wait: 200 })).toEqual(empty);
      expect(await here.partitionsOf('new')).toEqual({ errorCode: NO_ERROR, partitions: 1 });
      expect(await here.listed('new', LATEST)).toEqual({ errorCode: NO_ERROR, offset: 0 });
      expect(await here.appended('new', ['a'])).toEqual({ errorCode: NO_ERROR, baseOffset: 0 });

      await there.log.topics.grow('new', 4);
      expect(await here.fetched('new', 0, { partition: 1, wait: 200 })).toEqual(empty);
      expect(await here.listed('new', LATEST, 2)).toEqual({ errorCode: NO_ERROR, offset: 0 });
      expect(await here.appended('new', ['b'], 3)).toEqual({ errorCode: NO_ERROR, baseOffset: 0 });
      expect(await here.partitionsOf('new')).toEqual({ errorCode: NO_ERROR, partitions: 4 });
    });

    test('goes over to a topic that was made anew under its name', async () => {
      await using gateways = await held();
      const { here, there } = gateways;
      const waiting = here.fetched('orders', 1, { wait: 500 });

      await there.log.topics.delete('orders');
      await there.log.topics.create('orders');
      await there.appended('orders', ['new 0', 'new 1']);

      // Who waited is answered with nothing, or with the new topic's records.
      expect([[], ['1:new 1'], ['0:new 0', '1:new 1']]).toContainEqual((await waiting).values);
      expect((await waiting).errorCode).toBe(NO_ERROR);
      expect(await here.listed('orders', LATEST)).toEqual({ errorCode: NO_ERROR, offset: 2 });
      expect(await here.fetched('orders', 0)).toEqual({ errorCode: NO_ERROR, values: ['0:new 0', '1:new 1'] });
      expect(await here.appended('orders', ['new 2'])).toEqual({ errorCode: NO_ERROR, baseOffset: 2 });
    });

    test('goes over to the new topic when it is asked for nothing but its records', async () => {
      await using gateways = await held();
      const { here, there, clock } = gateways;
      await there.log.topics.delete('orders');
      await there.log.topics.create('orders');
      await there.appended('orders', ['new 0', 'new 1']);

      const last = await poll('the new records', TIME_OUT, async () => {
        const answer = await here.fetched('orders', 0, { wait: 50 });
        expect(answer.errorCode).toBe(NO_ERROR);
        clock.advance(1_000);
        return answer.values.length > 1 ? answer.values : undefined;
      });

      expect(last).toEqual(['0:new 0', '1:new 1']);
    });

    test('serves what is left where the log start was raised above all that it knows', async () => {
      await using gateways = await held();
      const { here, there, clock } = gateways;
      await there.appended('orders', ['1', '2', '3']);
      await there.appended('orders', ['4', '5']);
      await there.log.deleteRecords('orders', 0, 4);

      expect(await here.fetched('orders', 4)).toEqual({ errorCode: NO_ERROR, values: ['4:4', '5:5'] });
      expect(await here.fetched('orders', 6, { wait: 100 })).toEqual({ errorCode: NO_ERROR, values: [] });
      const gone = await poll('the old end is out of range', TIME_OUT, async () => {
        clock.advance(5_000);
        const answer = await here.fetched('orders', 1, { wait: 50 });
        expect([NO_ERROR, OUT_OF_RANGE]).toContain(answer.errorCode);
        return answer.errorCode === OUT_OF_RANGE ? answer : undefined;
      });
      expect(gone.values).toEqual([]);
    });

    test('has all in order once its replica has caught up', async () => {
      await using gateways = await held();
      const { here, there, replica } = gateways;
      const got: string[] = ['0:0'];
      const reading = poll('all records', TIME_OUT, async () => {
        const answer = await here.fetched('orders', got.length, { wait: 300 });
        expect(answer.errorCode).toBe(NO_ERROR);
        got.push(...answer.values);
        return got.length === 21 ? true : undefined;
      });

      for (let i = 1; i <= 20; i++) {
        await (i % 2 ? there : here).appended('orders', [`${i}`]);
        if (i === 15) replica.release();
      }

      await reading;
      expect(got).toEqual(Array.from({ length: 21 }, (_, i) => `${i}:${i}`));
    });
  });
}
