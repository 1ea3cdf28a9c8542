import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SelfManagedKafkaEvent } from 'aws-lambda';
import { type BatchSequence, type Client, connect, type NewRecord, VarveError } from 'varve/client';
import { type Item, type StateTable, stateTable } from './state.ts';

/** A record of one of the topics, which are given with the types of their values. */
export type Input<Topics> = {
  [Topic in keyof Topics]: {
    topic: Topic;
    key: string;
    /** Null: a tombstone. */
    value: Topics[Topic] | null;
    /** Milliseconds since the epoch. */
    timestamp: number;
  };
}[keyof Topics];

/** Records in, records out, and something remembered of each key between. */
export interface Processor<Topics, State = never> {
  /** Its consumer group, and what its state is kept under. */
  name: string;
  topics: (keyof Topics & string)[];
  /** What comes out of a partition goes to the same partition of this topic: it has as many as the topics that go in. */
  output: string;
  /**
   * Depends on nothing but its arguments. `state` is what is remembered of the record's key: what is returned takes its place, null
   * forgets it. `output` is appended under the record's key and timestamp.
   */
  step(input: Input<Topics>, state: State | undefined): { state?: State | null; output?: unknown };
}

/** Where a processor remembers, and where its output goes. */
export interface Surroundings {
  state: StateTable;
  log: Pick<Client, 'appendBatch' | 'initProducer'>;
}

/** How far a processor has come in one partition. */
interface Progress {
  /** The first offset that is not processed. */
  next: number;
  /** Output that may not be appended yet. */
  outbox: NewRecord[];
  /** Of the first record in the outbox, or of the next that will come. Absent before the first output. */
  sequence?: BatchSequence;
}

/** Records whose states and output are written together: a transaction has 100 items, and an item of DynamoDB 400 KB. */
const TOGETHER = 50;
/** A producer's sequences end at 2^31. */
const LAST_SEQUENCE = 2 ** 30;

/**
 * A function that processes each record exactly once, though it gets records again, late, in other batches and by two invocations
 * at a time. What a batch makes of the states, how far it came, and its output are written in one transaction; then the output is
 * appended, under the sequence that was written with it. Who finds an outbox, because an invocation ended before it was
 * emptied, appends it again: the log takes it once.
 */
export function handlerOf<Topics, State>(
  processor: Processor<Topics, State>,
  open: () => Surroundings = fromEnvironment,
): (event: SelfManagedKafkaEvent) => Promise<void> {
  let opened: Surroundings | undefined;
  return async ({ records }) => {
    opened ??= open();
    for (const batch of Object.values(records)) await processBatch(processor, opened, batch);
  };
}

type KafkaRecord = SelfManagedKafkaEvent['records'][string][number];

async function processBatch<Topics, State>(
  processor: Processor<Topics, State>,
  { state: table, log }: Surroundings,
  batch: readonly KafkaRecord[],
): Promise<void> {
  const [first] = batch;
  if (first === undefined) return;
  const { topic, partition } = first;
  const [found] = await table.read([`${processor.name}/progress/${topic}-${partition}`]);
  const item = found as Item<Progress>;
  const progress: Progress = item.value ?? { next: 0, outbox: [] };
  item.value = progress;

  /** Appends what is in the outbox. Answers whether there was something. */
  async function send(): Promise<boolean> {
    const { outbox, sequence } = progress;
    if (outbox.length === 0 || sequence === undefined) return false;
    try {
      await log.appendBatch(processor.output, partition, outbox, sequence);
    } catch (error) {
      if (!(error instanceof VarveError) || error.code !== 'UNKNOWN_PRODUCER_ID') throw error;
      // The partition was idle for a week, and the log has forgotten the producer. Its successor is written before it appends.
      progress.sequence = await begin();
      await table.write([item]);
      return send();
    }
    progress.sequence = { ...sequence, sequence: sequence.sequence + outbox.length };
    progress.outbox = [];
    return true;
  }
  const begin = async () => ({ ...(await log.initProducer()), sequence: 0 });

  let sent = await send();
  const fresh = batch.filter(({ offset }) => offset >= progress.next);
  for (let at = 0; at < fresh.length; at += TOGETHER) {
    const inputs = fresh.slice(at, at + TOGETHER).map((record) => inputOf<Topics>(record));
    const keys = [...new Set(inputs.map(({ key }) => `${processor.name}/state/${key}`))];
    const states = new Map((await table.read(keys)).map((one) => [one.key, one as Item<State | null>]));
    const changed = new Set<Item<unknown>>();
    for (const input of inputs) {
      const remembered = states.get(`${processor.name}/state/${input.key}`)!;
      const { state, output } = processor.step(input, remembered.value ?? undefined);
      if (output !== undefined) progress.outbox.push({ key: input.key, value: output, timestamp: input.timestamp });
      if (state === undefined) continue;
      remembered.value = state;
      changed.add(remembered);
    }
    const begun = progress.sequence?.sequence ?? LAST_SEQUENCE;
    if (progress.outbox.length > 0 && begun >= LAST_SEQUENCE) progress.sequence = await begin();
    progress.next = fresh[Math.min(at + TOGETHER, fresh.length) - 1]!.offset + 1;
    await table.write([item, ...changed]);
    sent = await send();
  }
  if (sent) await table.write([item]);
}

/** Keys are text and values JSON, as `varve/client` appends them. */
function inputOf<Topics>({ topic, key, value, timestamp }: KafkaRecord): Input<Topics> {
  const text = (base64 = '') => Buffer.from(base64, 'base64').toString();
  const input = { topic, key: text(key), value: value === undefined ? null : JSON.parse(text(value)), timestamp };
  return input as Input<Topics>;
}

/** The table that STATE_TABLE names, and the log at VARVE_URL, whose API takes requests that are signed by the function's role. */
function fromEnvironment(): Surroundings {
  const { STATE_TABLE = '', VARVE_URL = '', AWS_REGION = '' } = process.env;
  const dynamodb = new DynamoDBClient();
  const sigv4 = { credentials: () => dynamodb.config.credentials(), region: AWS_REGION };
  return { state: stateTable(dynamodb, STATE_TABLE), log: connect(VARVE_URL, { auth: { sigv4 } }) };
}
