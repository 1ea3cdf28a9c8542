import type { DeliveryOptions } from '../../lib/log/delivery/delivery.ts';
import type { DeliveryMessage } from '../../lib/log/delivery/ports.ts';
import { type Counts, together } from '../aws/meter.ts';
import { type Bill, bill } from './bill.ts';
import { inLaboratory, type Laboratory } from './cases.ts';
import { PRICES } from './prices.ts';
import { count, fixed, money, type Table } from './report.ts';

/**
 * What it costs that functions get records: the requests of notify and deliver, both of them warm, the queue's, and their time.
 * The functions that get them are not in it.
 */

/** Records that come to one partition, and what they come in. */
interface Flow {
  name: string;
  /** That come before they are delivered, in calls of up to 1,000. */
  records: number;
  batchSize: number;
  /** How often. */
  times: number;
}

interface Delivered {
  counts: Counts;
  /** Runs of notify and of deliver, messages, and invocations of the function. */
  woken: number;
  runs: number;
  messages: number;
  invocations: number;
  records: number;
}

const RECORD = 1024;
const CALL = 1_000;
/** Appends before what is counted: up to a new partition's first roll. */
const WARM = 16;
const FLOWS: readonly Flow[] = [
  { name: '1 as it arrives', records: 1, batchSize: 100, times: 32 },
  { name: '100 as they arrive', records: 100, batchSize: 100, times: 16 },
  { name: '1,000 as they arrive, 500 an invocation', records: 1_000, batchSize: 500, times: 8 },
  { name: '10,000 that lie there, 1,000 an invocation', records: 10_000, batchSize: 1_000, times: 2 },
];

/** Of one run of notify, warm; and of deliver, beside each invocation, for which it waits. More than LocalStack shows. */
const NOTIFY_SECONDS = 0.05;
const DELIVER_SECONDS = 0.05;
/** That an invocation takes: what a function does is its own. */
const INVOKED_SECONDS = 0.1;
const NOTIFY_GB = 0.5;
const DELIVER_GB = 1;
/** Sent, received and deleted, one by one. */
const REQUESTS_A_MESSAGE = 3;
const MILLION = 1_000_000;

export async function deliveryTable(): Promise<Table> {
  const rows: string[][] = [];
  for (const flow of FLOWS) {
    const delivered = await inLaboratory((laboratory) => measureDelivery(laboratory, flow));
    const { invocations, records } = delivered;
    const one = bill(delivered.counts, invocations);
    const { requests, queue, lambda } = costOf(delivered, bill(delivered.counts));
    const million = (dollars: number) => money((dollars * MILLION) / records);
    rows.push([
      flow.name,
      fixed(one.gets),
      fixed(one.dynamodbRequests),
      fixed(one.readUnits),
      fixed(one.writeUnits),
      fixed((delivered.messages * REQUESTS_A_MESSAGE) / invocations),
      million(requests),
      million(queue),
      million(lambda),
      `**${million(requests + queue + lambda)}**`,
    ]);
  }
  return {
    title: `${count(MILLION)} records of 1 KB delivered`,
    head: [
      'records',
      'S3 gets an invocation',
      'DynamoDB requests',
      'read units',
      'write units',
      'SQS requests',
      '$ a million records: stores',
      'queue',
      'notify and deliver',
      'all',
    ],
    rows,
  };
}

function costOf({ woken, runs, messages, invocations }: Delivered, { dollars: requests }: Bill) {
  const notify = woken * (PRICES.lambdaCall + NOTIFY_SECONDS * NOTIFY_GB * PRICES.lambdaGbSecond);
  const seconds = (runs + invocations) * DELIVER_SECONDS + invocations * INVOKED_SECONDS;
  const deliver = runs * PRICES.lambdaCall + seconds * DELIVER_GB * PRICES.lambdaGbSecond;
  return { requests, queue: messages * REQUESTS_A_MESSAGE * PRICES.sqsRequest, lambda: notify + deliver };
}

async function measureDelivery(laboratory: Laboratory, flow: Flow): Promise<Delivered> {
  const { meter, clock, open } = laboratory;
  const [writer, waker, deliverer] = [await open(), await open(), await open()];
  const { id: topicId } = await writer.topics.create('cost', { partitions: 1 });
  const { batchSize } = flow;
  const subscription = { topic: 'cost', name: 'cost', group: 'cost', target: 'function', targetTimeout: 30_000 };
  await writer.subscriptions.put({ ...subscription, startingPosition: 'earliest', batchSize });
  const sent: DeliveryMessage[] = [];
  const delivered = { woken: 0, runs: 0, messages: 0, invocations: 0, records: 0 };
  const around: DeliveryOptions = {
    async queue(message) {
      sent.push(message);
      delivered.messages += 1;
    },
    onFailure: async () => {},
    async target(_, { records }) {
      delivered.invocations += 1;
      delivered.records += records['cost-0']!.length;
      return { status: 'returned', answer: null };
    },
  };
  const [notify, deliver] = [await waker.delivery(around), await deliverer.delivery(around)];
  const records = Array.from({ length: Math.min(flow.records, CALL) }, () => ({
    partition: 0,
    value: new Uint8Array(RECORD).fill(120),
  }));
  async function round(): Promise<Counts> {
    for (let appended = 0; appended < flow.records; appended += records.length) {
      clock.advance(50);
      await writer.append('cost', records);
    }
    meter.take();
    await notify.wake([{ topicId, partition: 0 }]);
    delivered.woken += 1;
    for (let message = sent.shift(); message; message = sent.shift()) {
      await deliver.run(message, () => 900_000);
      delivered.runs += 1;
    }
    return meter.take();
  }
  for (let i = 0; i < (WARM * records.length) / flow.records; i++) await round();
  Object.assign(delivered, { woken: 0, runs: 0, messages: 0, invocations: 0, records: 0 });
  const counts: Counts[] = [];
  for (let i = 0; i < flow.times; i++) counts.push(await round());
  await Promise.all([writer.close(), waker.close(), deliverer.close()]);
  return { counts: together(counts), ...delivered };
}
