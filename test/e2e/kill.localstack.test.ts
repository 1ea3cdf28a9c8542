import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { openAws } from '../../lib/open/aws.ts';
import { functionName, processesOf } from '../support/lambda.ts';
import { localstack } from '../support/localstack.ts';
import { deployedStack } from '../support/stack.ts';

const { endpoint, url, bucket, table } = deployedStack();
const log = await openAws({ client: { ...localstack, endpoint }, bucket, table });
afterAll(() => log.close());

const CALLERS = 6;
/** At least, and of those that met a request: the processes that are killed may be idle. */
const KILLS = 6;
const HITS = 3;
/** Requests of each caller at least, and records of each request. */
const REQUESTS = 12;
const RECORDS = 2;
const LIMIT_MS = 90_000;

interface Caller {
  /** Whether it sends under a producer id: then its records are there once, else at least once. */
  producer: { producer_id: number; producer_epoch: number } | undefined;
  partition: number;
  name: string;
  /** What it was told: offsets by value. */
  acknowledged: Map<string, number>;
}

it('loses nothing that it acknowledged, when the processes of functions are killed in mid-request', async () => {
  // Given callers of two partitions, every other with a producer id, who send again what was not acknowledged
  const topic = await log.topics.create(`killed-${randomUUID()}`, { partitions: 2 });
  const produce = await functionName(endpoint, 'produce');
  const callers = await Promise.all(
    Array.from({ length: CALLERS }, async (_, who): Promise<Caller> => {
      const { id, epoch } = await log.allocateProducer();
      const producer = who % 2 === 0 ? { producer_id: id, producer_epoch: epoch } : undefined;
      return { producer, partition: who % 3 === 0 ? 1 : 0, name: `caller ${who}`, acknowledged: new Map() };
    }),
  );
  const until = performance.now() + LIMIT_MS;
  let kills = 0;
  let failed = 0;
  const enough = () => kills >= KILLS && failed >= HITS;

  async function call(caller: Caller): Promise<void> {
    const { name, partition, producer, acknowledged } = caller;
    for (let turn = 0; turn < REQUESTS || !enough(); turn++) {
      for (let attempt = 0; ; attempt++) {
        expect(performance.now(), 'all is sent in time').toBeLessThan(until);
        // Without a producer id each attempt may be appended, so each has values of its own.
        const values = Array.from(
          { length: RECORDS },
          (_, i) => `${name}/${turn}/${i}${producer ? '' : `/${attempt}`}`,
        );
        const body = {
          ...producer,
          ...(producer && { sequence: turn * RECORDS }),
          records: values.map((value) => ({ value })),
        };
        const answer = await fetch(`${url}api/topics/${topic.name}/partitions/${partition}/records`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }).catch(() => undefined);
        const said = await answer?.text().catch(() => undefined);
        if (answer?.status === 200 && said !== undefined) {
          const { offsets } = JSON.parse(said) as { offsets: { offset: number }[] };
          for (const [i, { offset }] of offsets.entries()) acknowledged.set(values[i]!, offset);
          break;
        }
        failed++;
        if (answer) expect([answer.status >= 500 || answer.status === 429, said]).toEqual([true, said]);
        await delay(50);
      }
    }
  }

  async function kill(): Promise<void> {
    while (!enough()) {
      await delay(300 + Math.random() * 500);
      expect(performance.now(), 'there are processes to kill').toBeLessThan(until);
      const processes = await processesOf(endpoint, produce);
      const victim = processes[Math.floor(Math.random() * processes.length)];
      if (victim === undefined) continue;
      process.kill(victim, 'SIGKILL');
      kills++;
    }
  }

  // When they send, while processes of the function are killed
  await Promise.all([kill(), ...callers.map(call)]);

  // Then each partition is dense, and has every record where its caller was told
  for (const partition of [0, 1]) {
    const found = new Map<number, string>();
    for await (const record of log.read(topic.name, { partition, follow: false })) {
      found.set(record.offset, JSON.parse(Buffer.from(record.value!).toString()));
    }
    const { latest } = await log.offsets(topic.name, partition);
    expect([...found.keys()]).toEqual(Array.from({ length: latest }, (_, offset) => offset));
    const times = Map.groupBy(found.values(), (value) => value);
    for (const { acknowledged, producer, name } of callers.filter((one) => one.partition === partition)) {
      for (const [value, offset] of acknowledged) {
        expect([offset, found.get(offset)]).toEqual([offset, value]);
        expect([value, times.get(value)?.length]).toEqual([value, 1]);
      }
      // With a producer id nothing but that is there, in the order in which it was sent.
      const own = [...found.values()].filter((value) => value.startsWith(`${name}/`));
      if (producer) expect(own).toEqual([...acknowledged.keys()]);
    }
  }
}, 120_000);
