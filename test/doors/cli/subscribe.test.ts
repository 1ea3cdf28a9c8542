import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../../../lib/client/client.ts';
import type { KafkaEvent } from '../../../lib/log/delivery/event.ts';
import { type RunningVarve as Log, startVarve as startLog } from '../../../lib/testing/testing.ts';
import { poll } from '../../support/poll.ts';
import { startServer } from '../../support/server.ts';
import { type RunningVarve, startVarve, varve } from './varve.ts';

const PATIENCE = 20_000;

let log: Log;
let folder: string;
let running: RunningVarve | undefined;
beforeEach(async () => {
  log = await startLog();
  folder = mkdtempSync(join(tmpdir(), 'varve-handler-'));
  await log.client.topics.create('orders', { partitions: 1 });
});
afterEach(async () => {
  running?.process.kill('SIGKILL');
  await running?.ended;
  running = undefined;
  await log.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

/** A subscription of the group `billing` to the topic `orders`, which delivers. */
async function subscribe(...args: string[]): Promise<RunningVarve> {
  running = startVarve(log.url, ['subscribe', '--topic', 'orders', '--group', 'billing', ...args]);
  await said(/Delivering orders to /);
  return running;
}

async function said(what: RegExp): Promise<void> {
  await poll(`${what} is said`, PATIENCE, () => (what.test(running!.stderr) ? true : undefined)).catch((error) => {
    throw new Error(`${error.message}\n${running!.stderr}`);
  });
}

async function committed(offset: number): Promise<void> {
  await poll(`the group has committed ${offset}`, PATIENCE, async () => {
    const [found] = await log.log.groups.offsets('billing');
    return found?.offset === offset ? true : undefined;
  });
}

const append = (...values: unknown[]) =>
  log.client.append(
    'orders',
    values.map((value) => ({ value })),
  );

const PRINTS = `
  export const handler = async (event: { records: Record<string, { value: string }[]> }) => {
    for (const { value } of Object.values(event.records).flat()) console.log(atob(value));
  };
`;

describe('varve subscribe --module', () => {
  test('runs a TypeScript handler on what is there and what comes, until it is stopped', async () => {
    // Given records, and a handler
    await append('one', 'two');
    const command = await subscribe('--module', write('handler.ts', PRINTS));
    await said(/orders-0 offsets 0 to 1: done in \d+ ms/);

    // When another one comes
    await append('three');
    await said(/orders-0 offsets 2 to 2: done in \d+ ms/);

    // Then it has printed them in order, and when it is stopped nothing is left but what the group has committed
    expect(command.stdout).toBe('"one"\n"two"\n"three"\n');
    command.process.kill('SIGINT');
    // npx hands on what the terminal has told everybody.
    command.process.kill('SIGINT');
    expect(await command.ended).toBe(0);
    expect(await log.log.subscriptions.list()).toEqual([]);
    await committed(3);
  });

  test('an invocation under way when it is stopped is waited for, and committed', async () => {
    const handler = `export const handler = () => { console.log('begun'); return new Promise((end) => setTimeout(end, 500)); };`;
    const command = await subscribe('--module', write('handler.mjs', handler));
    await append('one');
    await poll('the handler runs', PATIENCE, () => (command.stdout.includes('begun') ? true : undefined));

    command.process.kill('SIGTERM');

    expect(await command.ended).toBe(0);
    await committed(1);
  });

  test('a handler that throws, exits or hangs is tried again, and told apart', async () => {
    // Given a handler that does each of these once: what it did it can only keep outside of itself
    const handler = write(
      'handler.mjs',
      `import { existsSync, writeFileSync } from 'node:fs';
       const first = (name) => {
         const file = new URL(name, import.meta.url);
         const isFirst = !existsSync(file);
         writeFileSync(file, '');
         return isFirst;
       };
       export async function handler() {
         if (first('threw')) throw new TypeError('no such customer');
         if (first('exited')) process.exit(3);
         if (first('hung')) for (;;);
       }`,
    );
    await subscribe('--module', handler, '--function-timeout', '1');

    await append('one');
    await committed(1);

    await said(/done in/);
    expect(running!.stderr).toMatch(/failed after \d+ ms: TypeError: no such customer/);
    expect(running!.stderr).toMatch(/failed after \d+ ms: Runtime exited with exit code 3/);
    expect(running!.stderr).toMatch(/failed after \d+ ms: Task timed out after 1.00 seconds/);
  });

  test('settings are options: a report of failures, a record that is given up, and who is told', async () => {
    await log.client.topics.create('dead', { partitions: 1 });
    const handler = `export const handler = ({ records }) => ({
      batchItemFailures: records['orders-0']
        .filter(({ value }) => atob(value) === '"poison"')
        .map(({ topic, partition, offset }) => ({ itemIdentifier: { partition: topic + '-' + partition, offset } })),
    });`;
    await append('one', 'poison', 'three');

    await subscribe(
      ...['--module', write('handler.mjs', handler), '--report-batch-item-failures', '--batch-size', '2'],
      ...['--retry-attempts', '1', '--on-failure', 'dead'],
    );
    await committed(3);

    const { records } = await log.client.poll('dead', 0, 'earliest');
    expect(records.map(({ value }) => value)).toMatchObject([
      { KafkaBatchInfo: { recordsInfo: { 'orders-0': { firstRecordOffset: '1', lastRecordOffset: '1' } } } },
    ]);
  });

  test('every setting has an option', async () => {
    await log.client.topics.create('dead', { partitions: 1 });
    const target = 'http://127.0.0.1:1/';

    await subscribe(
      ...['--target', target, '--name', 'bills', '--function-timeout', '7', '--starting-position', 'latest'],
      ...['--batch-size', '5', '--max-batching-window', '3', '--retry-attempts', '-1', '--max-record-age', '600'],
      ...['--bisect-batch-on-error', '--report-batch-item-failures', '--parallelization-factor', '4'],
      ...['--filter', '{"key":["a"]}', '--filter', '{"key":["b"]}', '--on-failure', 'dead'],
    );

    expect(await log.client.subscriptions.list('orders')).toEqual([
      {
        topic: 'orders',
        name: 'bills',
        group: 'billing',
        target,
        target_timeout: 7_000,
        enabled: true,
        batch_size: 5,
        max_batching_window: 3_000,
        retry_attempts: -1,
        max_record_age: 600_000,
        bisect_batch_on_error: true,
        report_batch_item_failures: true,
        parallelization_factor: 4,
        filters: ['{"key":["a"]}', '{"key":["b"]}'],
        on_failure: 'kafka://dead',
      },
    ]);
  });

  test('what changed is loaded again, also what the module imports', async () => {
    write('words.ts', `export const word: string = 'before';`);
    const handler = `import { word } from './words.ts'; export const handler = () => console.log(word);`;
    const command = await subscribe('--module', write('handler.ts', handler));
    await append(1);
    await committed(1);

    write('words.ts', `export const word: string = 'after it changed';`);
    await append(2);
    await committed(2);

    await poll('both are printed', PATIENCE, () => (command.stdout.includes('changed') ? true : undefined));
    expect(command.stdout).toBe('before\nafter it changed\n');
  });

  test('a CommonJS module is one too', async () => {
    await subscribe('--module', write('handler.cjs', `exports.handler = async () => {};`));
    await append(1);
    await committed(1);
  });

  test.each<[what: string, args: (at: typeof write) => string[], message: RegExp]>([
    ['nothing to invoke', () => [], /--module, or --target/],
    ['both', (at) => ['--module', at('a.mjs', ''), '--target', 'http://127.0.0.1:1/'], /cannot be used with/],
    ['a module that is not there', () => ['--module', './nowhere.ts'], /nowhere\.ts/],
    ['a module that is none', (at) => ['--module', at('a.mjs', 'const const')], /Unexpected|Syntax|token/],
    [
      'one without a handler',
      (at) => ['--module', at('a.mjs', 'export const handle = 1')],
      /exports no function called handler/,
    ],
    [
      'an offset to begin with',
      (at) => ['--module', at('a.mjs', 'export function handler() {}'), '--starting-position', '7'],
      /group reset/,
    ],
  ])('%s is said in one line, with exit code 2', async (_, args, message) => {
    const { code, stderr } = await varve(log.url, ['subscribe', '--topic', 'orders', '--group', 'g', ...args(write)]);

    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
    expect(await log.log.subscriptions.list()).toEqual([]);
  });

  test('an unknown topic is exit code 4', async () => {
    const module = write('handler.mjs', 'export function handler() {}');
    const { code } = await varve(log.url, ['subscribe', '--topic', 'nowhere', '--group', 'g', '--module', module]);

    expect(code).toBe(4);
  });
});

describe('varve subscribe --target', () => {
  test('posts each event; what is not 2xx comes again', async () => {
    // Given a service that refuses once
    const events: KafkaEvent[] = [];
    const service = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      events.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(events.length === 1 ? 503 : 200).end();
    }).listen(0, '127.0.0.1');
    try {
      await once(service, 'listening');
      const { port } = service.address() as { port: number };
      const command = await subscribe('--target', `http://127.0.0.1:${port}/orders`);

      await append('one');
      await committed(1);

      const offsets = events.map(({ records }) => records['orders-0']?.map(({ offset }) => offset));
      expect(offsets).toEqual([[0], [0]]);
      command.process.kill('SIGINT');
      expect(await command.ended).toBe(0);
      expect(await log.log.subscriptions.list()).toEqual([]);
    } finally {
      service.close();
    }
  });
});

test('who stops it while it subscribes leaves no subscription behind', async () => {
  // Given a server that takes its time to answer whoever subscribes
  const asked = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const slow = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = 'GET', url } = request;
    const headers = { 'content-type': 'application/json' };
    const body = method === 'PUT' ? { body: Buffer.concat(chunks) } : {};
    const answer = await fetch(`${log.url}${url}`, { method, headers, ...body });
    if (method === 'PUT') {
      asked.resolve();
      await stopped.promise;
    }
    response.writeHead(answer.status, headers).end(await answer.text());
  }).listen(0, '127.0.0.1');
  try {
    await once(slow, 'listening');
    const { port } = slow.address() as { port: number };
    const target = ['--target', 'http://127.0.0.1:1/'];
    running = startVarve(`http://127.0.0.1:${port}`, ['subscribe', '--topic', 'orders', '--group', 'g', ...target]);
    await asked.promise;

    // When it is stopped before that
    running.process.kill('SIGINT');
    stopped.resolve();

    // Then it has removed what it made
    expect(await running.ended).toBe(0);
    expect(await log.log.subscriptions.list()).toEqual([]);
  } finally {
    slow.close();
  }
});

test('a server that is started again in the middle goes on by itself, in order', async () => {
  // Given a server in a process of its own, and a handler that has done some of what there is
  const data = join(folder, 'data');
  let server = await startServer(data);
  const client = connect(server.url);
  await client.topics.create('orders', { partitions: 1 });
  await client.append(
    'orders',
    Array.from({ length: 20 }, (_, value) => ({ value })),
  );
  const handler = `export async function handler({ records }) {
    console.log(records['orders-0'][0].offset);
    await new Promise((done) => setTimeout(done, 20));
  }`;
  try {
    running = startVarve(server.url, [
      ...['subscribe', '--topic', 'orders', '--group', 'billing', '--batch-size', '1'],
      ...['--module', write('handler.mjs', handler)],
    ]);
    const printed = () => running!.stdout.split('\n').slice(0, -1).map(Number);
    await poll('some are delivered', PATIENCE, () => (printed().length > 4 ? true : undefined));

    // When the server ends, and another one starts
    await server.stop();
    server = await startServer(data, { args: ['--http-port', new URL(server.url).port] });
    await poll('all are delivered', PATIENCE, () => (printed().includes(19) ? true : undefined));

    // Then none was left out, and what came twice came again from there on
    const offsets = printed();
    for (const [i, offset] of offsets.slice(1).entries()) expect(offset).toBeLessThanOrEqual(offsets[i]! + 1);
    expect(new Set(offsets).size).toBe(20);
    running.process.kill('SIGINT');
    expect(await running.ended).toBe(0);
    expect(await client.subscriptions.list('orders')).toEqual([]);
  } finally {
    await server.kill();
  }
});

test('who subscribes under a name that is taken has it; the other one ends, and leaves it alone', async () => {
  const module = write('handler.mjs', 'export function handler() {}');
  const first = await subscribe('--module', module);
  const second = await subscribe('--module', module);
  try {
    expect(await first.ended).toBe(5);
    expect(first.stderr).toContain('took over the subscription "billing"');

    expect(await log.log.subscriptions.list()).toHaveLength(1);
    await append(1);
    await said(/orders-0 offsets 0 to 0: done/);
  } finally {
    second.process.kill('SIGINT');
    await second.ended;
  }
  expect(await log.log.subscriptions.list()).toEqual([]);
});
