import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, connect } from '../client/client.ts';
import { systemClock } from '../clock.ts';
import { httpDoor } from '../doors/http/http-door.ts';
import type { KafkaEvent } from '../log/delivery/event.ts';
import type { EventLog } from '../log/event-log.ts';
import { openEmbedded } from '../open/embedded.ts';
import { listen } from '../server/http-server.ts';
import { type TestDelivery, type TestSubscribeOptions, type TestSubscription, testDelivery } from './subscription.ts';

export interface VarveOptions {
  /** The data folder, which then stays. Default: a fresh one, which is removed in the end. */
  data?: string;
  /** On 127.0.0.1. Default: a free one. */
  port?: number;
  /** Kafka's broker configuration as `key=value`, such as `num.partitions=4`. */
  config?: readonly string[];
}

/** A log in this process, behind its HTTP door. `await using` closes it. */
export interface RunningVarve {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly log: EventLog;
  /** Of `url`. */
  readonly client: Client;
  /**
   * Delivers the records of a topic to a handler: by the code, and under the settings, with which `EventLogSource` does it on AWS, but
   * that a batch that failed is tried again at once. UNKNOWN_TOPIC_OR_PARTITION; INVALID_REQUEST for settings that cannot be.
   */
  subscribe<Event = KafkaEvent>(options: TestSubscribeOptions<Event>): Promise<TestSubscription>;
  /** Ends what waits, closes the door and the log, removes the folder that it made. Repeats have no effect. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Milliseconds that requests in flight are given in the end. */
const DRAIN = 1_000;
/** Milliseconds before a batch that failed is delivered again: nobody waits for an outage to end. */
const RETRY_PAUSE = 5;

/** What `varve server` runs, for tests. Rejects when the port is taken; DATA_FOLDER_IN_USE. */
export async function startVarve(options: VarveOptions = {}): Promise<RunningVarve> {
  const { port = 0, config = [] } = options;
  const made = options.data === undefined ? await mkdtemp(join(tmpdir(), 'varve-test-')) : undefined;
  const removeFolder = async () => {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  };
  const delivery = testDelivery();
  let log: EventLog | undefined;
  try {
    const { onGivenUp } = delivery;
    const retryPause = () => RETRY_PAUSE;
    log = await openEmbedded({ data: options.data ?? made!, config, delivery: { onGivenUp, retryPause } });
    return await serve(log, delivery, port, removeFolder);
  } catch (error) {
    await log?.close();
    await removeFolder();
    throw error;
  }
}

async function serve(
  log: EventLog,
  delivery: TestDelivery,
  port: number,
  closed: () => Promise<void>,
): Promise<RunningVarve> {
  const stopping = new AbortController();
  const server = await listen(
    httpDoor({ log, clock: systemClock, targetHosts: ['127.0.0.1'], stopping: stopping.signal }),
    '127.0.0.1',
    port,
  );
  const url = `http://127.0.0.1:${server.port}`;
  let closing: Promise<void> | undefined;

  async function end(): Promise<void> {
    stopping.abort();
    await server.close(DRAIN);
    await log.close();
    await delivery.close();
    await closed();
  }
  const close = () => {
    closing ??= end();
    return closing;
  };
  const client = connect(url, { signal: stopping.signal });
  const subscribe = <Event>(options: TestSubscribeOptions<Event>) => delivery.subscribe(log, options);
  return { url, log, client, subscribe, close, [Symbol.asyncDispose]: close };
}
