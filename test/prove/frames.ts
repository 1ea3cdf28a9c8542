import { connect } from 'node:net';
import { codecOf } from '../../lib/doors/kafka/api.ts';
import { apiVersions } from '../../lib/doors/kafka/apis/api-versions.ts';
import { APIS } from '../../lib/doors/kafka/apis/apis.ts';
import { createTopics } from '../../lib/doors/kafka/apis/create-topics.ts';
import { fetch } from '../../lib/doors/kafka/apis/fetch.ts';
import { metadata } from '../../lib/doors/kafka/apis/metadata.ts';
import { offsetCommit } from '../../lib/doors/kafka/apis/offset-commit.ts';
import { offsetFetch } from '../../lib/doors/kafka/apis/offset-fetch.ts';
import { createFrameCutter } from '../../lib/doors/kafka/frames.ts';
import { inputOf, readInt32, readUnsignedVarint } from '../../lib/doors/kafka/protocol/input.ts';
import { splitBatches } from '../../lib/format/records/batch.ts';
import { validateBatch } from '../../lib/format/records/validate.ts';
import { connectRaw } from '../doors/kafka/gateway.ts';
import { apiOf } from '../support/api.ts';
import { seeded } from '../support/random.ts';
import { type ServerProcess, startServer } from '../support/server.ts';
import { fetchOf, startGoodClient } from './good-client.ts';
import { createMalformations, TARGET } from './malformed.ts';
import { count, millis, type Proof } from './trial.ts';

const AT_ONCE = 64;
/** Few more than the server comes to, as a rule: it ends the connection at the first frame that cannot be read. */
const MOST_A_CONNECTION = 4;
const MAX_FRAME = 104_857_600;
const MIB = 1024 * 1024;
/**
 * A process that has nothing to do; all that the gateway's limits let it hold together: requests, answers, groups and cached batches; and what
 * V8 lets batches that do not become what they say leave behind before it collects it, 220 MiB where nothing else goes on.
 */
const RSS_BOUND = (160 + 128 + 192 + 64 + 64 + 256) * MIB;
/** Milliseconds: for an answer that nothing makes wait, and for the good client's on this machine, whatever else it does. */
const ANSWER_WITHIN = 30_000;
const SERVED_WITHIN = 10_000;
/** Milliseconds of silence after which a client that has asked for something which waits goes away. */
const PATIENCE = 1_000;
const WAITING = APIS.filter(({ waits }) => waits).map(({ key }) => key);
const UNTOUCHED = 'untouched';
const GROUP = 'keepers';

/**
 * Malformed frames from a seed, against a server in a process of its own: mutated requests of every API in every version, lengths and
 * counts that lie, compressed bombs; whole, in pieces, byte by byte, pipelined. A good client goes on beside them. A connection's
 * frames are counted as far as the server came: each answered one, and the one at which it ended.
 */
export const prove: Proof = async ({ size, seed, folder, figure, claim }) => {
  const wanted = size === 'full' ? 1_000_000 : 1_000;
  const config = ['auto.create.topics.enable=false', 'group.initial.rebalance.delay.ms=0'];
  const server = await startServer(folder, { args: config.flatMap((one) => ['--config', one]) });
  const port = Number(server.kafka.split(':')[1]);
  const wrong: string[] = [];
  const total: Totals = { frames: 0, connections: 0, answers: 0, ended: 0, left: 0, created: new Set() };
  try {
    const http = apiOf(server.url);
    for (const topic of [TARGET, UNTOUCHED, 'good']) await http.createTopic(topic, 1);
    await http.append(UNTOUCHED, [{ value: 'a' }, { value: 'b' }, { value: 'c' }]);
    await commit(port);
    const before = await untouched(server, port);

    const good = await startGoodClient(server, 'good');
    let next = 0;
    const driver = async () => {
      while (total.frames < wanted && wrong.length === 0 && good.failure === undefined) {
        const number = next++;
        const trouble = await attack(port, seed, number, total);
        if (trouble) wrong.push(`connection ${number} of --seed ${seed}: ${trouble}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, driver));
    await good.stop();
    if (good.failure !== undefined) wrong.push(good.failure);

    const after = await untouched(server, port);
    const { earliest } = await http.offsets(TARGET, 0);
    const batches = await readTarget(port, earliest);
    const topics = await topicNames(port);
    const foreign = topics.filter((name) => ![TARGET, UNTOUCHED, 'good'].includes(name) && !total.created.has(name));
    const exitCode = await server.stop();
    const said = server.output();
    const errors = said.split('\n').filter((line) => /"level":(50|60)|Unhandled|uncaught/i.test(line));

    figure('frames, connections', `${count(total.frames)}, ${count(total.connections)}`);
    figure('answered', count(total.answers));
    figure('connections that the server ended', count(total.ended));
    figure('connections left while something waited', count(total.left));
    figure('batches that were taken', count(batches.length));
    figure('peak of memory (RSS)', `${count(Math.round(good.peak / 1e6))} MB`);
    figure('good client: rounds, slowest', `${count(good.rounds)}, ${millis(good.slowest)}`);
    claim(`each frame is answered by its schema, in order, or ends the connection`, wrong.length === 0, wrong[0]);
    claim(`memory stays within ${count(RSS_BOUND / MIB)} MiB`, good.peak < RSS_BOUND);
    claim(
      `a good client is served within ${SERVED_WITHIN / 1000} s all the time`,
      good.slowest < SERVED_WITHIN && good.rounds > 0,
    );
    claim('nothing else was changed: topic, records, configuration, committed offsets', before === after);
    claim('no topic is there that no answer told of', foreign.length === 0, foreign[0]);
    claim(
      'what was taken is sound',
      batches.every((sound) => sound),
    );
    claim('no error was logged that nobody thought of', errors.length === 0, errors[0]);
    claim('the server stops cleanly on SIGTERM', exitCode === 0, `exit code ${exitCode}`);
  } finally {
    await server.kill();
  }
};

interface Totals {
  frames: number;
  connections: number;
  answers: number;
  ended: number;
  left: number;
  /** Topics that answers told of. */
  created: Set<string>;
}

/** One connection; answers what was wrong. What it sends follows from the seed and its number alone. */
async function attack(port: number, seed: number, number: number, total: Totals): Promise<string | undefined> {
  const random = seeded(seed + number * 7919);
  const malformed = createMalformations(random);
  const stream = Buffer.concat([
    ...Array.from({ length: 1 + Math.floor(random() * MOST_A_CONNECTION) }, () => malformed.next()),
    LAST,
  ]);
  const headers = headersOf(stream);
  /** Otherwise a length that lies has swallowed it, and it is this side that ends. */
  const lastArrives = headers.at(-1)?.id === LAST_ID;
  const mayWait = headers.some(({ key }) => WAITING.includes(key));

  // Many addresses: one has not ports enough for so many connections.
  const localAddress = `127.0.0.${2 + (number % 200)}`;
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.setNoDelay(true);
  const cutter = createFrameCutter(2 ** 31 - 1);
  const answers: Buffer[] = [];
  let isOver = false;
  let ended = false;
  let wake = () => {};
  let isGone = false;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    isGone = error.code === 'ECONNREFUSED';
  });
  socket.on('data', (chunk: Buffer) => {
    for (const frame of cutter.push(chunk)) answers.push(Buffer.from(frame));
    isOver = answers.at(-1)?.readInt32BE(0) === LAST_ID;
    wake();
  });
  socket.once('close', () => {
    isOver = ended = true;
    wake();
  });
  const pieces = piecesOf(stream, random);
  for (const piece of pieces) {
    if (isOver) break;
    socket.write(piece);
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  if (!lastArrives) socket.end();
  for (let quiet = false; !isOver && !quiet; ) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(
        () => {
          quiet = true;
          resolve();
        },
        mayWait ? PATIENCE : ANSWER_WITHIN,
      );
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  socket.resetAndDestroy();
  if (isGone) return 'the server is gone';
  total.connections++;
  total.answers += answers.length;
  // Those that the server came to: what it answered, and what it ended the connection for.
  total.frames += Math.max(1, Math.min(headers.length, answers.length + (ended ? 1 : 0)) - (ended ? 0 : 1));
  if (ended) total.ended++;
  if (!isOver) total.left++;
  if (!isOver && !mayWait) return `no answer to ${JSON.stringify(headers[answers.length])}`;
  return check(answers, headers, total);
}

/** An ApiVersions request that is right: when it is answered all before it is over. */
const LAST_ID = 0x7ffffffe;
const LAST = Buffer.from(`0000000a00120000${LAST_ID.toString(16)}ffff`, 'hex');

interface Header {
  key: number;
  version: number;
  id: number;
}

/** What a server sees in the stream, up to a length that cannot be. */
function headersOf(stream: Buffer): Header[] {
  const headers: Header[] = [];
  const unreadable = { key: -1, version: -1, id: -1 };
  try {
    for (const frame of createFrameCutter(MAX_FRAME).push(stream)) {
      if (frame.length < 8) headers.push(unreadable);
      else headers.push({ key: frame.readInt16BE(0), version: frame.readInt16BE(2), id: frame.readInt32BE(4) });
    }
  } catch {
    headers.push(unreadable);
  }
  return headers;
}

function piecesOf(stream: Buffer, random: () => number): Buffer[] {
  const way = random();
  if (way < 0.7 || stream.length > 20_000) return [stream];
  const pieces: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const size = way < 0.72 ? 1 : 1 + Math.floor(random() * 50);
    pieces.push(stream.subarray(at, at + size));
    at += size;
  }
  return pieces.length > 400 ? [stream] : pieces;
}

/** Answers are whole messages of what was asked, in the order of the requests; only a produce without acks may have none. */
function check(answers: readonly Buffer[], headers: readonly Header[], total: Totals): string | undefined {
  let at = 0;
  for (const answer of answers) {
    const input = inputOf(answer);
    const id = readInt32(input);
    while (at < headers.length && headers[at]!.id !== id && headers[at]!.key === 0) at++;
    const header = headers[at++];
    if (header?.id !== id) return `an answer to ${id} came for ${JSON.stringify(header)}`;
    const api = APIS.find(({ key }) => key === header.key);
    if (!api) return `an API that is not served was answered: ${header.key}`;
    const [first, last] = api.versions;
    const isServed = header.version >= first && header.version <= last;
    if (!isServed && header.key !== apiVersions.key) return `${api.name} ${header.version} was answered`;
    const version = isServed ? header.version : 0;
    try {
      if (version >= api.flexible && header.key !== apiVersions.key) readUnsignedVarint(input);
      const said = codecOf(api, version).response.read(input);
      if (input.at !== input.end) return `bytes follow the answer of ${api.name} ${version}`;
      if (header.key === createTopics.key) {
        const { topics } = said as { topics: { name: string; errorCode: number }[] };
        for (const { name, errorCode } of topics) if (errorCode === 0) total.created.add(name);
      }
    } catch (error) {
      return `the answer of ${api.name} ${version} cannot be read: ${error}`;
    }
  }
  return undefined;
}

async function commit(port: number): Promise<void> {
  const client = await connectRaw(port);
  const partitions = [{ partitionIndex: 0, committedOffset: 2, committedMetadata: 'note' }];
  const topics = [{ name: UNTOUCHED, partitions }];
  const answer = await client.call(offsetCommit, 7, {
    groupId: GROUP,
    generationIdOrMemberEpoch: -1,
    memberId: '',
    topics,
  });
  client.end();
  if (answer.topics[0]!.partitions[0]!.errorCode !== 0) throw new Error('the offset could not be committed');
}

/** All that no frame had a reason to change, as text. */
async function untouched(server: ServerProcess, port: number): Promise<string> {
  const records: unknown[] = [];
  for await (const record of apiOf(server.url).readAll(UNTOUCHED, 0)) records.push(record);
  const client = await connectRaw(port);
  const described = await client.call(metadata, 9, { topics: [{ name: UNTOUCHED }], allowAutoTopicCreation: false });
  const offsets = await client.call(offsetFetch, 5, { groupId: GROUP, topics: null });
  client.end();
  return JSON.stringify([records, described.topics, offsets.topics]);
}

async function topicNames(port: number): Promise<string[]> {
  const client = await connectRaw(port);
  const { topics } = await client.call(metadata, 9, { topics: null, allowAutoTopicCreation: false });
  client.end();
  return topics.map(({ name }) => name!);
}

/** Whether each batch of the target is what its header says, and follows the one before it. Old times may have retention delete some. */
async function readTarget(port: number, logStart: number): Promise<boolean[]> {
  const client = await connectRaw(port);
  const sound: boolean[] = [];
  for (let next = logStart; ; ) {
    const { responses } = await client.call(fetch, 11, fetchOf(TARGET, next, 1 << 20));
    const { errorCode, records, highWatermark } = responses[0]!.partitions[0]!;
    if (errorCode !== 0) throw new Error(`error ${errorCode} at ${TARGET} ${next}`);
    for (const batch of splitBatches(records ?? new Uint8Array(0))) {
      const { baseOffset, recordCount } = validateBatch(batch).header;
      sound.push(baseOffset === next);
      next = baseOffset + recordCount;
    }
    if (next >= highWatermark) break;
  }
  client.end();
  return sound;
}
