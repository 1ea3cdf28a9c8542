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
    // strace pads a short number with blanks.
    return new RegExp(`^${server.pid} +\\+\\+\\+ (exited|killed)`, 'm').test(trace) ? trace : undefined;
  });

  const calls = callsOf(text).filter(({ result }) => !result.startsWith('-1'));
  figure('system calls looked at', count(calls.length));
  const check = (what: string, sent: readonly Sent[], promise: string) => {
    const wrong = sent.flatMap((one) => faults(one, calls, data).map((fault) => `${one.marker}: ${fault}`));
    claim(`${sent.length} ${what}: ${promise}, then the answer`, wrong.length === 0, wrong[0]);
  };
  for (const kind of ['carried', 'segment'] as const) {
    const sent = inTurn.filter((one) => one.kind === kind);
    const ways = sent.filter((one) => wayOf(one, calls, data)?.kind === kind).length;
    claim(`${sent.length} values of ${SIZES[kind]} bytes alone go as ${kind}`, ways === sent.length, `${ways}`);
    check(`${kind} appends one after the other`, sent, PROMISES[kind]);
  }
  check('appends side by side, which may share an object', sideBySide, 'as above');
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

/** The first write of the append's bytes below `data`: to the WAL, or to a file that becomes an object. */
function wayOf({ marker }: Sent, calls: readonly SystemCall[], data: string) {
  const write = calls.find(
    (call) => WRITES.has(call.name) && target(call).startsWith(data) && call.args.includes(marker),
  );
  return write && { write, kind: isWal(write) ? 'carried' : 'segment' };
}

const isWal = (call: SystemCall) => target(call).endsWith('-wal');

/** What is missing between the append's bytes and its answer; empty when all is there, in order. */
function faults(sent: Sent, calls: readonly SystemCall[], data: string): string[] {
  const answer = answerTo(sent.port, calls);
  if (!answer) return ['its answer is not in the trace'];
  /** The first such call that began after `since` was over, and was over before the answer began. */
  const after = (since: SystemCall, names: Set<string>, is: (call: SystemCall) => boolean) =>
    calls.find((call) => names.has(call.name) && call.began > since.ended && call.ended < answer.began && is(call));
  const walSynced = (since: SystemCall) =>
    after(since, SYNCS, isWal) ? [] : ['the WAL was not synced before the answer'];

  const way = wayOf(sent, calls, data);
  if (!way) return ['its bytes were not written'];
  if (way.kind === 'carried') return walSynced(way.write);
  const draft = target(way.write);
  const lastWrite = calls.findLast((call) => WRITES.has(call.name) && target(call) === draft) ?? way.write;
  const synced = after(lastWrite, SYNCS, (call) => target(call) === draft);
  if (!synced) return [`${draft} was not synced before the answer`];
  const named = after(synced, NAMINGS, (call) => quoted(call)[0] === draft);
  if (!named) return [`${draft} did not get its name between its sync and the answer`];
  const folder = dirname(quoted(named)[1]!);
  const folderSynced = after(named, SYNCS, (call) => target(call) === folder);
  if (!folderSynced) return [`${folder} was not synced before the answer`];
  const committed = after(folderSynced, WRITES, isWal);
  return committed ? walSynced(committed) : ['nothing was written to the WAL after the sync of the folder'];
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
