import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { systemClock } from '../../../lib/clock.ts';
import { type Api, codecOf } from '../../../lib/doors/kafka/api.ts';
import { apiVersions } from '../../../lib/doors/kafka/apis/api-versions.ts';
import { createFrameCutter } from '../../../lib/doors/kafka/frames.ts';
import { type GatewayLimits, type KafkaGateway, startKafkaGateway } from '../../../lib/doors/kafka/gateway.ts';
import { inputOf, readInt32, readUnsignedVarint } from '../../../lib/doors/kafka/protocol/input.ts';
import {
  output,
  partsOf,
  writeInt16,
  writeInt32,
  writeString,
  writeUnsignedVarint,
} from '../../../lib/doors/kafka/protocol/output.ts';
import type { ReadOf, Schema, WriteOf } from '../../../lib/doors/kafka/protocol/schema.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openMemory } from '../../../lib/open/memory.ts';

export interface TestGateway {
  log: EventLog;
  gateway: KafkaGateway;
  /** `127.0.0.1:PORT` */
  bootstrap: string;
  /** What it logged as errors. */
  errors: string[];
  close(): Promise<void>;
}

/** Groups that begin at once, and sessions as short as tests want them. */
const QUICK = ['group.initial.rebalance.delay.ms=0', 'group.min.session.timeout.ms=100'];

/** A gateway over a log in memory, on a free port. `config`: the broker's, as `key=value`. */
export async function startGateway(
  config: readonly string[] = [],
  limits: Partial<GatewayLimits> = {},
): Promise<TestGateway> {
  const settings = [...QUICK, ...config];
  const log = await openMemory({ config: settings });
  const errors: string[] = [];
  const write = (line: string) => {
    errors.push(line);
    process.stderr.write(line);
  };
  const gateway = await startKafkaGateway({
    log,
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'error' }, { write }),
    config: parseBrokerConfig(settings),
    host: '127.0.0.1',
    port: 0,
    limits,
  });
  return {
    log,
    gateway,
    bootstrap: `127.0.0.1:${gateway.port}`,
    errors,
    async close() {
      await gateway.close(1_000);
      await log.close();
    },
  };
}

type Message<S extends Schema> = WriteOf<S>;

/** A client that says exactly what it is told to. */
export interface RawClient {
  readonly socket: Socket;
  /** Sends a request and reads its answer, in the order of the requests. */
  call<Q extends Schema, A extends Schema>(
    api: Api & { readonly request: Q; readonly response: A },
    version: number,
    request: Message<Q>,
  ): Promise<ReadOf<A>>;
  /** Sends a request that gets no answer. */
  send<Q extends Schema>(api: Api & { readonly request: Q }, version: number, request: Message<Q>): void;
  /** Sends bytes as they are, with their length before them. */
  frame(bytes: Uint8Array): void;
  /** Resolves when the other side has closed the connection. */
  closed: Promise<void>;
  end(): void;
}

export async function connectRaw(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const cutter = createFrameCutter(2 ** 31 - 1);
  const waiting: ((frame: Buffer) => void)[] = [];
  const rejects: ((error: Error) => void)[] = [];
  let correlation = 0;
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      for (const reject of rejects.splice(0)) reject(new Error('the connection was closed'));
      resolve();
    });
  });
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    for (const frame of cutter.push(chunk)) {
      rejects.shift();
      waiting.shift()?.(frame);
    }
  });

  function write(api: Api, version: number, request: unknown): number {
    const id = correlation++;
    const out = output();
    writeInt16(out, api.key);
    writeInt16(out, version);
    writeInt32(out, id);
    writeInt16(out, 4);
    writeString(out, 'test', 4);
    if (version >= api.flexible) writeUnsignedVarint(out, 0);
    codecOf(api, version).request.write(out, request);
    frame(Buffer.concat(partsOf(out)));
    return id;
  }

  function frame(bytes: Uint8Array): void {
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes.length);
    socket.write(Buffer.concat([length, bytes]));
  }

  return {
    socket,
    closed,
    frame,
    send(api, version, request) {
      write(api, version, request);
    },
    async call(api, version, request) {
      const answer = new Promise<Buffer>((resolve, reject) => {
        waiting.push(resolve);
        rejects.push(reject);
      });
      answer.catch(() => {});
      const id = write(api, version, request);
      const input = inputOf(await answer);
      const answered = readInt32(input);
      if (answered !== id) throw new Error(`the answer to ${answered} came for ${id}`);
      if (version >= api.flexible && (api as Api) !== apiVersions) readUnsignedVarint(input);
      return codecOf(api, version).response.read(input) as never;
    },
    end: () => socket.destroy(),
  };
}
