// Every export but those of AWS, as a user's program has them.
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { ERRORS, type EventLog, type LogRecord, VarveError } from 'varve';
import { type Client, connect } from 'varve/client';
import { type EmbeddedOptions, openEmbedded, openMemory } from 'varve/embedded';
import { startVarve } from 'varve/testing';

const text = ({ value }: LogRecord) => value && new TextDecoder().decode(value);

async function appendsAndReads(log: EventLog): Promise<void> {
  await log.topics.create('orders', { partitions: 2 });
  await log.append('orders', [{ key: 'a', value: 'one', partition: 1 }]);
  const read: unknown[] = [];
  for await (const record of log.read('orders', { partition: 1, follow: false }))
    read.push([record.offset, text(record)]);
  deepEqual(read, [[0, 'one']]);
  await rejects(log.append('nowhere', [{ value: 'x' }]), (error: unknown) => {
    return error instanceof VarveError && error.code in ERRORS && error.code === 'UNKNOWN_TOPIC_OR_PARTITION';
  });
}

const memory = await openMemory();
await appendsAndReads(memory);
await memory.close();

const options: EmbeddedOptions = { data: 'data' };
const files = await openEmbedded(options);
await appendsAndReads(files);
await files.close();

await using varve = await startVarve({ config: ['num.partitions=3'] });
await appendsAndReads(varve.log);
const client: Client = connect(varve.url);
const { records } = await client.poll('orders', 1, 'earliest');
deepEqual(
  records.map(({ key, value }) => [key, value]),
  [['a', 'one']],
);
equal((await varve.client.topics.create('more')).partitions, 3);
