import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APIS } from '../../lib/doors/kafka/apis/apis.ts';
import { type ServerProcess, startServer } from '../support/server.ts';
import { java, TOOLS } from './java.ts';
import { finish } from './processes.ts';

const kafka = await java();

describe.skipIf('unavailable' in kafka)("Kafka's own tools", () => {
  let folder: string;
  let server: ServerProcess;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'varve-tools-'));
    const config = ['--config', 'group.initial.rebalance.delay.ms=0'];
    server = await startServer(join(folder, 'data'), { args: config });
  });
  afterAll(async () => {
    await server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  /** What a tool printed, once it has ended well. */
  async function tool(name: keyof typeof TOOLS, args: string, input?: string): Promise<string> {
    if (!('ok' in kafka)) throw new Error(kafka.unavailable);
    const words = [...args.split(' '), '--bootstrap-server', server.kafka];
    const { code, stdout, stderr } = await finish(kafka.ok.command(TOOLS[name], ...words), {
      timeout: 60_000,
      ...(input !== undefined && { input }),
    });
    expect(code, stderr + stdout).toBe(0);
    return stdout;
  }

  const lines = (text: string) => text.trim().split('\n');
  const columns = (text: string) => lines(text).map((line) => line.split(/\s+/));

  test('kafka-topics makes, describes, grows, lists and deletes topics', async () => {
    await tool('kafka-topics.sh', '--create --topic made --partitions 2 --config retention.ms=1000');
    await tool('kafka-topics.sh', '--alter --topic made --partitions 3');
    const described = await tool('kafka-topics.sh', '--describe --topic made');
    expect(described).toMatch(
      /Topic: made\tTopicId: \S+\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: retention.ms=1000/,
    );
    expect(lines(described)).toHaveLength(4);
    expect(lines(await tool('kafka-topics.sh', '--list'))).toContain('made');
    await tool('kafka-topics.sh', '--delete --topic made');
    expect(lines(await tool('kafka-topics.sh', '--list'))).not.toContain('made');
  });

  test('the console producer and consumer, get-offsets, delete-records and consumer-groups', async () => {
    await tool('kafka-topics.sh', '--create --topic words --partitions 1');
    const input = Array.from({ length: 50 }, (_, i) => `k${i}:word ${i}`);
    await tool(
      'kafka-console-producer.sh',
      '--topic words --reader-property parse.key=true --reader-property key.separator=:',
      `${input.join('\n')}\n`,
    );
    const consumed = await tool(
      'kafka-console-consumer.sh',
      '--topic words --group readers --from-beginning --max-messages 50 --timeout-ms 30000 --formatter-property print.key=true --formatter-property key.separator=:',
    );
    expect(lines(consumed)).toEqual(input);
    expect(lines(await tool('kafka-get-offsets.sh', '--topic words'))).toEqual(['words:0:50']);
    expect(lines(await tool('kafka-get-offsets.sh', '--topic words --time -3'))).toHaveLength(1);

    const plan = join(folder, 'delete.json');
    await writeFile(plan, JSON.stringify({ version: 1, partitions: [{ topic: 'words', partition: 0, offset: 20 }] }));
    expect(await tool('kafka-delete-records.sh', `--offset-json-file ${plan}`)).toContain('low_watermark: 20');
    expect(lines(await tool('kafka-get-offsets.sh', '--topic words --time earliest'))).toEqual(['words:0:20']);
    expect(await tool('kafka-log-dirs.sh', '--describe --topic-list words')).toMatch(
      /"partition":"words-0","size":[1-9]/,
    );

    expect(lines(await tool('kafka-consumer-groups.sh', '--list'))).toContain('readers');
    const row = async () => columns(await tool('kafka-consumer-groups.sh', '--describe --group readers')).at(-1)!;
    expect((await row()).slice(0, 6)).toEqual(['readers', 'words', '0', '50', '50', '0']);
    await tool('kafka-consumer-groups.sh', '--group readers --reset-offsets --to-offset 30 --topic words --execute');
    expect((await row()).slice(0, 6)).toEqual(['readers', 'words', '0', '30', '50', '20']);
    await tool('kafka-consumer-groups.sh', '--group readers --delete-offsets --topic words');
    await tool('kafka-consumer-groups.sh', '--delete --group readers');
    expect(await tool('kafka-consumer-groups.sh', '--list')).not.toContain('readers');
  });

  test('kafka-configs alters and describes', async () => {
    await tool('kafka-topics.sh', '--create --topic configured');
    const entity = '--entity-type topics --entity-name configured';
    await tool('kafka-configs.sh', `--alter ${entity} --add-config cleanup.policy=[compact,delete],segment.ms=5000`);
    expect(await tool('kafka-configs.sh', `--describe ${entity}`)).toMatch(
      /cleanup.policy=compact,delete.*\n.*segment.ms=5000/,
    );
    await tool('kafka-configs.sh', `--alter ${entity} --delete-config segment.ms`);
    expect(await tool('kafka-configs.sh', `--describe ${entity}`)).not.toContain('segment.ms');
    expect(await tool('kafka-configs.sh', `--describe --all ${entity}`)).toContain('segment.ms=604800000');
  });

  test('what serves, and in which versions', async () => {
    // On its own the tool waits for 5 s, which is little where it has just begun on a busy machine.
    const patient = join(folder, 'patient.properties');
    await writeFile(patient, 'request.timeout.ms=60000\n');
    const versions = await tool('kafka-broker-api-versions.sh', `--command-config ${patient}`);
    for (const {
      name,
      key,
      versions: [first, last],
    } of APIS) {
      expect(versions).toContain(`${name}(${key}): ${first === last ? first : `${first} to ${last}`} [usable: ${last}`);
    }
    const health = (await (await fetch(`${server.url}/v3/clusters`)).json()) as { data: { cluster_id: string }[] };
    expect(await tool('kafka-cluster.sh', 'cluster-id')).toContain('Cluster ID');
    expect(health.data).toHaveLength(1);
  });

  test('the verifiable producer and consumer agree', async () => {
    await tool('kafka-topics.sh', '--create --topic verified --partitions 3');
    const sent = await tool('kafka-verifiable-producer.sh', '--topic verified --max-messages 3000 --acks -1');
    expect(sent).toContain('"sent":3000,"acked":3000');
    const read = await tool(
      'kafka-verifiable-consumer.sh',
      '--topic verified --group-id verifiers --max-messages 3000 --reset-policy earliest',
    );
    const counts = [...read.matchAll(/"name":"records_consumed","count":(\d+)/g)].map(([, count]) => Number(count));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3000);
  });

  test('the perf tools write and read a stream', async () => {
    await tool('kafka-topics.sh', '--create --topic perf --partitions 2');
    const written = await tool(
      'kafka-producer-perf-test.sh',
      '--topic perf --num-records 20000 --record-size 500 --throughput -1',
    );
    expect(written).toMatch(/20000 records sent/);
    const read = await tool('kafka-consumer-perf-test.sh', '--topic perf --num-records 20000 --timeout 60000');
    expect(columns(read).at(-1)!.join(' ')).toMatch(/20000|200\d\d/);
  });
});
