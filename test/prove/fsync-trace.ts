import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { apiOf } from '../support/api.ts';
import { poll } from '../support/poll.ts';
import { startServer } from '../support/server.ts';
import { callsOf, quoted, STRACE, type SystemCall, target } from './strace.ts';
import { count, type Proof } from './trial.ts';

const TOPIC = 'trace';
/** Bytes of a value that the catalog carries, and of one that becomes an object. */
const SIZES = { carried: 40, segment: 200_000 } as const;

/** An append whose way to the disk is looked for: its value is its marker, again and again. */
interface Sent {
  kind: keyof typeof SIZES;
  marker: string;
  /** The client's port: each append has a connection of its own, and so its answer. */
  port: number;
}

/** A trace of the server's system calls, which shows that what an answer promises was on the disk before the answer was written. */
export const prove: Proof = async ({ size, folder, figure, claim, skip }) => {
  const missing = spawnSync('strace', ['-V']).error;
  if (missing) return skip('strace is not installed: apt-get install strace');

  const [alone, together] = size === 'full' ? [100, 400] : [10, 40];
  const data = join(folder, 'data');
  const output = join(folder, 'trace');
  const server = await startServer(data, { through: [...STRACE, '-o', output], timeout: 60_000 });
  const api = apiOf(server.url);
  await api.createTopic(TOPIC, 4);
  const inTurn: Sent[] = [];
  for (let i = 0; i < alone; i++)
    inTurn.push(await send(server.url, 'carried', i), await send(server.url, 'segment', i));
  const sideBySide = await Promise.all(
    Array.from({ length: together }, (_, i) => send(server.url, i % 2 === 0 ? 'carried' : 'segment', alone + i)),
  );
  await server.stop();
  const text = await poll('the whole trace', 20_000, () => {
    const trace = readFileSync(output, 'utf8');
    return new RegExp(`^${server.pid} \\+\\+\\+ (exited|killed)`, 'm').test(trace) ? trace : undefined;
  });

  const calls = callsOf(text).filter(({ result }) => !result.startsWith('-1'));
  figure('system calls looked at', count(calls.length));
  for (const [how, all] of [
    ['one after the other', inTurn],
    ['side by side', sideBySide],
  ] as const) {
    for (const kind of ['carried', 'segment'] as const) {
      const sent = all.filter((one) => one.kind === kind);
      const wrong = sent.flatMap((one) => faults(one, calls, data).map((fault) => `${one.marker}: ${fault}`));
      claim(`${sent.length} ${kind} appends ${how}: ${PROMISES[kind]}, then the answer`, wrong.length === 0, wrong[0]);
    }
  }
  const unsynced = foldersUnsynced(calls, folder, inTurn[0]!.port);
  claim('every folder made before the first answer is itself durable before it', unsynced.length === 0, unsynced[0]);
};

const PROMISES = {
  carried: 'write and sync of the WAL',
  segment: 'write and sync of the object, its name, sync of the folder, write and sync of the WAL',
};

/** Appends over a connection of its own; resolves when it is acknowledged. */
function send(url: string, kind: Sent['kind'], number: number): Promise<Sent> {
  const marker = `<${kind}-${number}>`;
  const value = marker.repeat(Math.ceil(SIZES[kind] / marker.length));
  const body = JSON.stringify({ records: [{ value }] });
  return new Promise((resolve, reject) => {
    let port = 0;
    const asked = request(
      `${url}/api/topics/${TOPIC}/partitions/${number % 4}/records`,
      { method: 'POST', agent: false, headers: { 'content-type': 'application/json' } },
      (answer) => {
        answer.resume().once('end', () => {
          if (answer.statusCode === 200) resolve({ kind, marker, port });
          else reject(new Error(`${marker}: HTTP ${answer.statusCode}`));
        });
      },
    );
    asked.once('socket', (socket) => {
      socket.once('connect', () => {
        port = (socket.address() as AddressInfo).port;
      });
    });
    asked.once('error', reject).end(body);
  });
}

const WRITES = new Set(['write', 'writev', 'pwrite64', 'pwritev', 'sendto', 'sendmsg']);
const SYNCS = new Set(['fsync', 'fdatasync']);
const NAMINGS = new Set(['link', 'linkat', 'rename', 'renameat', 'renameat2']);

/** What is missing between the append's bytes and its answer; empty when all is there, in order. */
function faults({ kind, marker, port }: Sent, calls: readonly SystemCall[], data: string): string[] {
  const answer = answerTo(port, calls);
  if (!answer) return ['its answer is not in the trace'];
  /** The first such call that began after `since` was over, and was over before the answer began. */
  const after = (since: SystemCall, names: Set<string>, is: (call: SystemCall) => boolean) =>
    calls.find((call) => names.has(call.name) && call.began > since.ended && call.ended < answer.began && is(call));
  const wrote = (file: (path: string) => boolean) =>
    calls.find((call) => WRITES.has(call.name) && call.args.includes(marker) && file(target(call)));
  const isWal = (path: string) => path.startsWith(data) && path.endsWith('-wal');

  if (kind === 'carried') {
    const write = wrote(isWal);
    if (!write) return ['its bytes were not written to the WAL'];
    return after(write, SYNCS, (call) => isWal(target(call))) ? [] : ['the WAL was not synced before the answer'];
  }
  const write = wrote((path) => path.startsWith(data) && !isWal(path));
  if (!write) return ['its bytes were not written to a file'];
  const draft = target(write);
  const lastWrite = calls.findLast((call) => WRITES.has(call.name) && target(call) === draft) ?? write;
  const synced = after(lastWrite, SYNCS, (call) => target(call) === draft);
  if (!synced) return [`${draft} was not synced before the answer`];
  const named = after(synced, NAMINGS, (call) => quoted(call)[0] === draft);
  if (!named) return [`${draft} did not get its name between its sync and the answer`];
  const folder = dirname(quoted(named)[1]!);
  const folderSynced = after(named, SYNCS, (call) => target(call) === folder);
  if (!folderSynced) return [`${folder} was not synced before the answer`];
  const committed = after(folderSynced, WRITES, (call) => isWal(target(call)));
  if (!committed) return ['nothing was written to the WAL between the sync of the folder and the answer'];
  return after(committed, SYNCS, (call) => isWal(target(call))) ? [] : ['the WAL was not synced before the answer'];
}

function answerTo(port: number, calls: readonly SystemCall[]): SystemCall | undefined {
  return calls.find(
    (call) => WRITES.has(call.name) && target(call).endsWith(`:${port}]`) && call.args.includes('HTTP/1.1 200'),
  );
}

/** Folders below `folder` that were made before the answer on `port`, and whose parents were not synced in between. */
function foldersUnsynced(calls: readonly SystemCall[], folder: string, port: number): string[] {
  const answer = answerTo(port, calls);
  if (!answer) return ['the first answer is not in the trace'];
  const made = calls.filter((call) => call.name.startsWith('mkdir') && call.ended < answer.began);
  return made.flatMap((call) => {
    const path = quoted(call).at(-1) ?? '';
    if (!path.startsWith(folder)) return [];
    const synced = calls.some(
      (other) =>
        SYNCS.has(other.name) &&
        target(other) === dirname(path) &&
        other.began > call.ended &&
        other.ended < answer.began,
    );
    return synced ? [] : [`${dirname(path)} after ${path} was made in it`];
  });
}
