import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { apiVersions } from '../../lib/doors/kafka/apis/api-versions.ts';
import { fetch } from '../../lib/doors/kafka/apis/fetch.ts';
import { produce } from '../../lib/doors/kafka/apis/produce.ts';
import { connectRaw, type RawClient } from '../doors/kafka/gateway.ts';
import { batchOf } from '../doors/kafka/records.ts';
import { apiOf } from '../support/api.ts';
import { poll } from '../support/poll.ts';
import { startServer } from '../support/server.ts';
import { fetchOf, rssOf, startGoodClient } from './good-client.ts';
import { count, millis, type Proof } from './trial.ts';

const MIB = 1024 * 1024;
const RSS_BOUND = 512 * MIB;
/** Of a record that the good client writes and reads, while all others do what they do. */
const SERVED_WITHIN = 10_000;
/** Milliseconds that a client may take nothing: the gateway's own. */
const STALLED = 60_000;
const RECORDS = 128;
const BIG = 'big';

/**
 * Idle connections, clients that take nothing of large answers or a few bytes a second, and clients that send a byte a second of a
 * large request, all at the same time: what the server's process takes, and how a good client fares beside them.
 */
export const prove: Proof = async ({ size, folder, figure, claim }) => {
  const full = size === 'full';
  const { idlers, readers, senders, maxIdle } = full
    ? { idlers: 2_000, readers: 200, senders: 200, maxIdle: 60_000 }
    : { idlers: 200, readers: 20, senders: 20, maxIdle: 5_000 };
  const server = await startServer(folder, { args: ['--config', `connections.max.idle.ms=${maxIdle}`] });
  const port = Number(server.kafka.split(':')[1]);
  const opened: Socket[] = [];
  let over = false;
  try {
    await apiOf(server.url).createTopic(BIG, 1);
    await apiOf(server.url).createTopic('good', 1);
    await fill(port);
    const before = await rssOf(server.pid);

    const good = await startGoodClient(server, 'good');

    const idle: RawClient[] = [];
    for (let i = 0; i < idlers; i++) {
      const client = await connectRaw(port);
      idle.push(client);
      opened.push(client.socket);
    }
    // Answered once, and then without a word.
    await Promise.all(idle.map((client) => client.call(apiVersions, 0, {})));
    const withIdle = await rssOf(server.pid);

    const slow = await Promise.all(Array.from({ length: readers }, () => slowReader(port)));
    const late = await Promise.all(Array.from({ length: senders }, () => slowSender(port)));
    opened.push(...slow, ...late);
    // Half of the readers take some bytes now and then, the others nothing; the senders send a byte.
    const dripping = (async () => {
      while (!over) {
        for (const [i, socket] of slow.entries()) if (i % 2 === 0 && !socket.destroyed) socket.read(10);
        for (const socket of late) if (!socket.destroyed) socket.write('x');
        await delay(1_000);
      }
    })();
    await delay(full ? 15_000 : 2_000);
    const withAll = await rssOf(server.pid);
    const served = good.rounds;

    const closed = await poll('idle connections are closed', 120_000, () =>
      idle.every(({ socket }) => socket.destroyed) ? true : undefined,
    ).catch(() => false);
    let cut = 0;
    if (full) {
      // A client that does not read learns of its end when it writes.
      await poll(
        'slow clients are cut off',
        4 * STALLED,
        () => {
          for (const socket of slow) if (!socket.destroyed) socket.write(Buffer.alloc(4));
          cut = [...slow, ...late].filter(({ destroyed }) => destroyed).length;
          return cut === readers + senders ? true : undefined;
        },
        1_000,
      ).catch(() => {});
    }
    over = true;
    await Promise.all([good.stop(), dripping]);
    for (const socket of opened) socket.destroy();
    const exitCode = await server.stop();

    const mb = (bytes: number) => `${count(Math.round(bytes / 1e6))} MB`;
    figure('memory (RSS) before', mb(before));
    figure(`with ${count(idlers)} idle connections`, mb(withIdle));
    figure(`with ${count(readers)} slow readers and ${count(senders)} slow senders too`, mb(withAll));
    figure('at its peak', mb(good.peak));
    figure('good client: rounds beside all of them, in all', `${count(served)}, ${count(good.rounds)}`);
    figure('good client: slowest round', millis(good.slowest));
    claim(`memory stays within ${RSS_BOUND / MIB} MiB`, good.peak < RSS_BOUND, mb(good.peak));
    claim(
      `a good client is served within ${SERVED_WITHIN / 1000} s all the time`,
      good.failure === undefined && served > 0 && good.slowest < SERVED_WITHIN,
      good.failure ?? millis(good.slowest),
    );
    claim('idle connections are closed', closed === true);
    if (full) claim('who takes nothing, or next to nothing, is cut off', cut === readers + senders, count(cut));
    claim('the server stops cleanly on SIGTERM', exitCode === 0, `exit code ${exitCode}`);
  } finally {
    over = true;
    for (const socket of opened) socket.destroy();
    await server.kill();
  }
};

/** 128 MiB, more than any cache holds. */
async function fill(port: number): Promise<void> {
  const client = await connectRaw(port);
  const records = [batchOf(['x'.repeat(MIB - 2_000)])];
  for (let i = 0; i < RECORDS; i++) {
    const topicData = [{ name: BIG, partitionData: [{ index: 0, records }] }];
    const { responses } = await client.call(produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
    const { errorCode } = responses[0]!.partitionResponses[0]!;
    if (errorCode !== 0) throw new Error(`error ${errorCode} while the topic was filled`);
  }
  client.end();
}

/** Asks for as much as there is, again and again, and takes nothing. */
async function slowReader(port: number): Promise<Socket> {
  const client = await connectRaw(port);
  client.socket.removeAllListeners('data');
  client.socket.pause();
  for (let i = 0; i < 8; i++) client.send(fetch, 11, fetchOf(BIG, (i * 16) % RECORDS, 64 * MIB));
  return client.socket;
}

/** Has begun a request of 50 MiB, and sent a MiB of it. */
async function slowSender(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const begun = Buffer.alloc(MIB);
  begun.writeInt32BE(50 * MIB);
  await new Promise((sent) => socket.write(begun, sent));
  return socket;
}
