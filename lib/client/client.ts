import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import { type Auth, authorize } from './auth.ts';
import { followByEvents } from './events.ts';
import { type Following, followingAt } from './following.ts';
import { type Groups, groupsOf } from './groups.ts';
import { type Partitions, partitionsOf } from './partitions.ts';
import { followByPolls } from './polls.ts';
import { createProducer, type Producer } from './producer.ts';
import { type ReaderDeps, type ReadOptions, readBatches } from './reading.ts';
import { type AppendAnswer, type AppendedRecord, appendedOf, type NewRecord, type ReadRecord } from './records.ts';
import { path, requests as requestsOf } from './requests.ts';
import { type SequencedAppends, sequencedAppends } from './sequenced.ts';
import { type Subscriptions, subscriptionsOf } from './subscriptions.ts';
import { type Topics, topicsOf } from './topics.ts';

export interface ClientOptions {
  /** Default: the platform's. */
  fetch?: typeof globalThis.fetch;
  /** What the API asks for to know who calls. Default: nothing. */
  auth?: Auth;
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>>;
  /** Ends every call and every read of this client. */
  signal?: AbortSignal;
  /** Milliseconds until a request is REQUEST_TIMED_OUT; default 30,000. */
  timeout?: number;
  /** Milliseconds that reads and producers go on trying while nothing answers; default 120,000. */
  patience?: number;
  /** How JSON is read, for callers that keep numbers which a double cannot hold; default JSON.parse. */
  parse?: (text: string) => unknown;
  clock?: Clock;
  /** How reads wait for what comes; by default as the address says: `polls` at API Gateway's own, else `events`. */
  following?: Following;
}

/** The HTTP door of a log. Every failure is a VarveError with the server's code, NETWORK_EXCEPTION when nothing answers. */
export interface Client extends Partitions, SequencedAppends {
  /** How its reads wait for what comes. */
  readonly following: Following;
  readonly topics: Topics;
  readonly groups: Groups;
  readonly subscriptions: Subscriptions;

  /**
   * One request. Resolves when all records are durable, with one answer a record; rejects with the first record's error: others
   * may be appended. It is not repeated: a retriable failure may have appended. A producer's `append` is the one to repeat.
   */
  append(topic: string, records: readonly NewRecord[], options?: { signal?: AbortSignal }): Promise<AppendedRecord[]>;
  /** Appends without duplicates, in order, with repeats. */
  producer(): Producer;

  /** Records one by one. OFFSET_OUT_OF_RANGE when what it was to read is deleted before. */
  read(topic: string, options?: ReadOptions): AsyncIterable<ReadRecord>;
  /** The same, as many together as arrived together. */
  readBatches(topic: string, options?: ReadOptions): AsyncIterable<ReadRecord[]>;
}

/**
 * A client of the server at `url`, such as `http://127.0.0.1:8080` or `https://ID.execute-api.REGION.amazonaws.com/prod`. It connects
 * with its first call. INVALID_REQUEST and INVALID_CONFIG for what cannot be.
 */
export function connect(url: string, options: ClientOptions = {}): Client {
  const { fetch = globalThis.fetch, auth = {}, headers = {}, signal, timeout = 30_000, parse = JSON.parse } = options;
  const { clock = platformClock, patience = 120_000, following = followingAt(url) } = options;
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new VarveError('INVALID_REQUEST', `The address must be like http://127.0.0.1:8080; it is "${url}".`);
  }
  const requests = requestsOf({
    url,
    fetch,
    headers,
    authorize: authorize(auth, url, clock),
    signal,
    timeout,
    parse,
    clock,
  });
  const topics = topicsOf(requests);
  const partitions = partitionsOf(requests, timeout);
  const follow =
    following === 'polls'
      ? followByPolls({ topics, partitions, clock, patience })
      : followByEvents({ requests, clock, parse, patience });
  const reader: ReaderDeps = { topics, partitions, follow, clock, patience, signal };

  return {
    following,
    topics,
    groups: groupsOf(requests),
    subscriptions: subscriptionsOf(requests),
    ...partitions,
    ...sequencedAppends(requests),
    async append(topic, records, options) {
      const body = JSON.stringify({ records });
      const answer = await requests.json<AppendAnswer>('POST', path`/api/topics/${topic}/records`, {
        body,
        ...options,
      });
      return appendedOf(answer);
    },
    producer: () => createProducer({ requests, topics, clock, deliveryTimeout: patience, signal }),
    async *read(topic, options = {}) {
      for await (const records of readBatches(reader, topic, options)) yield* records;
    },
    readBatches: (topic, options = {}) => readBatches(reader, topic, options),
  };
}

/** A pending timer keeps the process alive: a pause before a repeat must not end it. */
const platformClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export { type ErrorCode, VarveError } from '../errors.ts';
export type { Auth, AwsCredentials, Sigv4 } from './auth.ts';
export { type Following, followingAt } from './following.ts';
export type { GroupLag, GroupOffset, Groups } from './groups.ts';
export type { From, OffsetRange, Polled, PollOptions } from './partitions.ts';
export type { Producer } from './producer.ts';
export type { ReadOptions } from './reading.ts';
export type { AppendedRecord, Headers, NewRecord, ReadRecord } from './records.ts';
export type { BatchSequence, ProducerIdentity } from './sequenced.ts';
export type { NewSubscription, SubscriptionDescription, Subscriptions } from './subscriptions.ts';
export type { ConfigEntry, NewTopic, TopicChanges, TopicDescription, TopicSummary, Topics } from './topics.ts';
