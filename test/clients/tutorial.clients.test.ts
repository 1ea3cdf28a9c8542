import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../support/poll.ts';
import { type Download, unpack } from './download.ts';
import { java } from './java.ts';
import { finish, start } from './processes.ts';
import { python } from './python.ts';

const kafka = await java();
const py = await python();

/** A shell's line, as the tutorial has it. */
const CREATE =
  'bin/kafka-topics.sh --create --topic test-topic --bootstrap-server localhost:9092 --partitions 1 --replication-factor 1';
const PRODUCE = `import json
from kafka import KafkaProducer
producer = KafkaProducer(bootstrap_servers='localhost:9092', value_serializer=lambda v: json.dumps(v).encode('utf-8'))
producer.send('test-topic', value={"id": 1, "message": "Hello, Kafka!"}); producer.flush()
`;
const CONSUME = `import json
from kafka import KafkaConsumer
consumer = KafkaConsumer('test-topic', bootstrap_servers='localhost:9092', auto_offset_reset='earliest', value_deserializer=lambda m: json.loads(m.decode('utf-8')))
for message in consumer:
    print(message.offset, message.value['message'])
    break
`;

describe.skipIf('unavailable' in kafka || 'unavailable' in py)('the tutorial, word for word', () => {
  let download: Download;
  beforeAll(async () => {
    if ('ok' in kafka) download = await unpack(kafka.ok);
  });
  afterAll(() => download?.close());

  const shell = (lines: string, input?: string) => download.shell(lines, input);
  const script = (text: string) => finish(['ok' in py ? py.ok : '', '-W', 'ignore', '-c', download.here9092(text)]);

  test("Kafka's own tool makes a topic", async () => {
    expect(await shell(CREATE)).toMatchObject({ code: 0, stdout: 'Created topic test-topic.\n' });
  });

  test('kafka-python sends a record and reads it', async () => {
    expect(await script(PRODUCE)).toMatchObject({ code: 0, stderr: '' });
    expect(await script(CONSUME)).toMatchObject({ code: 0, stdout: '0 Hello, Kafka!\n' });
  });

  test('a Streams program filters one topic into another', async () => {
    if (!('ok' in kafka)) throw new Error('unreachable');
    for (const topic of ['input-topic', 'output-topic']) await shell(CREATE.replace('test-topic', topic));
    const broker = download.here9092('localhost:9092');
    const program = start(kafka.ok.command('ImportantFilter', broker, 'filter', join(download.folder, 'streams')));
    try {
      const lines = ['nothing', 'important news', 'small talk', 'also important'];
      const produced = await shell(
        'bin/kafka-console-producer.sh --bootstrap-server localhost:9092 --topic input-topic',
        `${lines.join('\n')}\n`,
      );
      expect(produced.code, produced.stderr).toBe(0);
      const consumed = await shell(
        'bin/kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic output-topic --from-beginning --max-messages 2 --timeout-ms 100000',
      );
      expect(consumed.stdout, program.output()).toBe('important news\nalso important\n');
    } finally {
      await program.stop();
    }
  });

  test('what was made is there for HTTP too', async () => {
    const records = await poll('the record', 5_000, async () => {
      const answer = await fetch(`${download.server.url}/api/topics/test-topic/partitions/0/records?offset=0`);
      return answer.ok ? await answer.text() : undefined;
    });
    expect(records).toContain('Hello, Kafka!');
  });
});
