import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../support/poll.ts';
import { type ServerProcess, startServer } from '../support/server.ts';
import { java, TOOLS } from './java.ts';
import { finish, start } from './processes.ts';
import { python } from './python.ts';

const TUTORIAL_PORT = 9092;
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

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

describe.skipIf('unavailable' in kafka || 'unavailable' in py)('the tutorial, word for word', () => {
  let folder: string;
  let server: ServerProcess;
  /** The words as they are; where the tutorial's port is somebody else's here, with another in its place. */
  let here9092: (text: string) => string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'varve-tutorial-'));
    const port = (await isFree(TUTORIAL_PORT)) ? TUTORIAL_PORT : 0;
    server = await startServer(join(folder, 'data'), { args: ['--kafka-port', String(port)] });
    here9092 = (text) => text.replaceAll('localhost:9092', `localhost:${server.kafka.split(':')[1]}`);
    await mkdir(join(folder, 'bin'));
    if (!('ok' in kafka)) return;
    for (const [name, main] of Object.entries(TOOLS)) {
      const line = kafka.ok.command(main).map((word) => `'${word}'`);
      await writeFile(join(folder, 'bin', name), `#!/bin/sh\nexec ${line.join(' ')} "$@"\n`);
      await chmod(join(folder, 'bin', name), 0o755);
    }
  });
  afterAll(async () => {
    await server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  const shell = (line: string, input?: string) =>
    finish(['sh', '-c', here9092(line)], { cwd: folder, timeout: 110_000, ...(input !== undefined && { input }) });
  const script = (text: string) => finish(['ok' in py ? py.ok : '', '-W', 'ignore', '-c', here9092(text)]);

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
    const server9092 = here9092('localhost:9092');
    const program = start(kafka.ok.command('ImportantFilter', server9092, 'filter', join(folder, 'streams')));
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
      const answer = await fetch(`${server.url}/api/topics/test-topic/partitions/0/records?offset=0`);
      return answer.ok ? await answer.text() : undefined;
    });
    expect(records).toContain('Hello, Kafka!');
  });
});
