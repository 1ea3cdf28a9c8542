import type { Readable } from 'node:stream';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { type Clock, sleep } from '../../clock.ts';
import { checkName, checkNames, isName } from './names.ts';
import { ObjectError, type ObjectInfo, type ObjectStore } from './objects.ts';
import { resolveRange } from './range.ts';

export interface S3Options {
  client: S3ClientConfig;
  /** A general purpose bucket: directory buckets do not list in the order of names. */
  bucket: string;
  /** Comes before every object's name, such as `logs/`; empty by default. */
  prefix?: string;
  clock: Clock;
}

/** Open connections, kept alive; a request beyond them waits, within its deadline. */
const SOCKETS = 128;
/** Longest try of a put, the wait for a connection included. S3 takes 20 to 60 ms for small objects. */
const PUT_MS = 15_000;
/** Longest try of any other request, likewise. */
const TRY_MS = 10_000;
const TRIES = 3;
/** No try begins later than this after the first: a put ends within 27 s, before API Gateway gives up on its caller. */
const BEGIN_MS = 12_000;
const FIRST_WAIT_MS = 50;
/** Most keys that S3 lists at a time. */
const MAX_KEYS = 1000;
/** Answers of 4xx that come of the way there: puts of one name met, bytes changed, or the request did not arrive in time. */
const REPEATED = new Set([
  'ConditionalRequestConflict',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
  'RequestTimeout',
]);

interface Attempts {
  signal: AbortSignal | undefined;
  /** Of one try. */
  ms: number;
}

/**
 * Objects in an S3 bucket. The rights it takes: `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject` on the objects, and
 * `s3:ListBucket` on the bucket, without which S3 answers 403 for an object that does not exist.
 *
 * Every put is conditional on the name being free, so it must not be repeated blindly: the second request may meet the
 * object of the first and report somebody else's. So the SDK's own retries are off and `run` has the only ones; a put that
 * finds its name taken, after a try that was not answered, reads what is there. Bodies carry CRC-32, which S3 checks, keeps, and sends with whole objects, which are checked again here; of all the SDK's checksums it is
 * the one that Node computes natively. Ranges come without one: what reads them has the batches' own.
 */
export function openS3({ client: config, bucket: Bucket, prefix: root = '', clock }: S3Options): ObjectStore {
  const agent = { maxSockets: SOCKETS };
  const s3 = new S3Client({
    // The SDK's time-out of connections, and its warning, would meet requests that only wait for one.
    requestHandler: { socketAcquisitionWarningTimeout: 2 * PUT_MS, httpAgent: agent, httpsAgent: agent },
    // The SDK would send larger bodies over a new connection each, unbounded in number.
    expectContinueHeader: false,
    ...config,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_SUPPORTED',
    responseChecksumValidation: 'WHEN_SUPPORTED',
  });
  const underWay = new Set<Promise<unknown>>();
  let closed = false;

  /** One operation: its tries, each with a deadline, and what it throws made an ObjectError or the signal's reason. */
  function run<T>(what: string, attempts: Attempts, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    attempts.signal?.throwIfAborted();
    if (closed) throw new ObjectError('STORE_FAILED', 'The object store is closed: open it again.');
    const operation = repeat(clock, what, attempts, request);
    const leave = () => underWay.delete(operation);
    underWay.add(operation);
    operation.then(leave, leave);
    return operation;
  }

  const reading = (signal: AbortSignal | undefined): Attempts => ({ signal, ms: TRY_MS });

  async function stat(name: string, signal: AbortSignal | undefined): Promise<ObjectInfo | undefined> {
    return run(`look up ${name}`, reading(signal), (abortSignal) =>
      s3.send(new HeadObjectCommand({ Bucket, Key: root + name }), { abortSignal }).then(
        ({ ContentLength = 0 }) => ({ name, size: ContentLength }),
        (cause: unknown) => {
          if (statusOf(cause) !== 404) throw cause;
          return undefined;
        },
      ),
    );
  }

  /** The bytes, or undefined when no byte of the object is in the range. */
  async function getRange(
    name: string,
    range: Range,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    const { start = 0, length } = range;
    const last = length === undefined ? '' : start + length - 1;
    const part = start > 0 || length !== undefined ? { Range: `bytes=${start}-${last}` } : {};
    return run(`read ${name}`, reading(signal), async (abortSignal) => {
      const request = new GetObjectCommand({ Bucket, Key: root + name, ChecksumMode: 'ENABLED', ...part });
      const response = await s3.send(request, { abortSignal }).catch((cause: unknown) => {
        if (nameOf(cause) === 'NoSuchKey') throw missing(name, cause);
        if (nameOf(cause) !== 'InvalidRange') throw cause;
        return undefined;
      });
      return response && readBody(name, response, range);
    });
  }

  /** Whether an object is there with exactly these bytes. */
  async function holds(name: string, bytes: Uint8Array, abortSignal: AbortSignal): Promise<boolean> {
    const request = new GetObjectCommand({ Bucket, Key: root + name, ChecksumMode: 'ENABLED' });
    const response = await s3.send(request, { abortSignal });
    return Buffer.compare(await readBody(name, response, {}), bytes) === 0;
  }

  return {
    async put(name, parts, { signal } = {}) {
      checkName(name);
      const Body = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      const request = () =>
        new PutObjectCommand({ Bucket, Key: root + name, Body, IfNoneMatch: '*', ChecksumAlgorithm: 'CRC32' });
      let unanswered = false;
      await run(`write ${name}`, { signal, ms: PUT_MS }, async (abortSignal) => {
        try {
          await s3.send(request(), { abortSignal });
        } catch (cause) {
          if (statusOf(cause) !== 412) {
            unanswered ||= !isRefusal(cause);
            throw cause;
          }
          if (unanswered && (await holds(name, Body, abortSignal))) return;
          throw new ObjectError('OBJECT_EXISTS', `${name} exists; names are never reused.`, { cause });
        }
      });
    },

    async get(name, { signal, ...range } = {}) {
      checkName(name);
      resolveRange(name, Number.MAX_SAFE_INTEGER, range);
      // No header can ask for no bytes, and S3 refuses a range that begins at the end.
      const bytes = range.length === 0 ? undefined : await getRange(name, range, signal);
      if (bytes) return bytes;
      const found = await stat(name, signal);
      if (!found) throw missing(name);
      const { length } = resolveRange(name, found.size, range);
      if (length > 0) throw new ObjectError('STORE_FAILED', `S3 has no bytes where ${name} has ${length}.`);
      return new Uint8Array(0);
    },

    async stat(name, { signal } = {}) {
      checkName(name);
      return stat(name, signal);
    },

    async list(prefix, { after = '', limit = MAX_KEYS, signal } = {}) {
      const objects: ObjectInfo[] = [];
      let last = after;
      for (let more = true; more && objects.length < limit; ) {
        const request = new ListObjectsV2Command({
          Bucket,
          Prefix: root + prefix,
          MaxKeys: Math.min(MAX_KEYS, limit - objects.length),
          ...(last !== '' && { StartAfter: root + last }),
        });
        const { Contents = [], IsTruncated = false } = await run(`list ${prefix}`, reading(signal), (abortSignal) =>
          s3.send(request, { abortSignal }),
        );
        for (const { Key = '', Size = 0 } of Contents) {
          last = Key.slice(root.length);
          // Others may have put what is no object of ours, such as the console's folders.
          if (isName(last)) objects.push({ name: last, size: Size });
        }
        more = IsTruncated && Contents.length > 0;
      }
      return objects;
    },

    async delete(names, { signal } = {}) {
      checkNames(names);
      signal?.throwIfAborted();
      const Objects = names.map((name) => ({ Key: root + name }));
      await run(`delete ${names.length} objects`, reading(signal), async (abortSignal) => {
        if (Objects.length === 0) return;
        const request = new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } });
        const { Errors = [] } = await s3.send(request, { abortSignal });
        const first = Errors[0];
        if (!first) return;
        const failed = `${first.Key?.slice(root.length)} (${first.Code})`;
        const message = `S3 did not delete ${Errors.length} of ${names.length} objects, ${failed} for one; delete them again.`;
        throw new ObjectError('STORE_FAILED', message);
      });
    },

    async close() {
      closed = true;
      await Promise.allSettled(underWay);
      s3.destroy();
    },
  };
}

interface Range {
  start?: number;
  length?: number;
}

/** Exactly the bytes that the range means, or STORE_FAILED before more of them are taken. */
async function readBody(name: string, response: GetObjectCommandOutput, range: Range): Promise<Uint8Array> {
  const body = response.Body as Readable;
  try {
    const ranged = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.ContentRange ?? '');
    const [, from = '0', size = String(response.ContentLength)] = ranged ?? [];
    const { start, length } = resolveRange(name, Number(size), range);
    if (Number(from) !== start) throw new Error(`S3 sent ${name} from byte ${from}, not ${start}`);
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      if (at + chunk.length > length) throw new Error(`S3 sent more of ${name} than ${length} bytes`);
      bytes.set(chunk, at);
      at += chunk.length;
    }
    if (at < length) throw new Error(`S3 sent ${at} of ${length} bytes of ${name}`);
    return bytes;
  } finally {
    // A body that nobody reads would report its end as an error of nobody's.
    body.destroy();
  }
}

async function repeat<T>(
  clock: Clock,
  what: string,
  { signal, ms }: Attempts,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const latest = clock.monotonic() + BEGIN_MS;
  for (let tries = 1; ; tries += 1) {
    const abort = new AbortController();
    const giveUp = () => abort.abort();
    const cancel = clock.schedule(ms, giveUp);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      return await request(abort.signal);
    } catch (cause) {
      // Ends a body that is still on its way.
      abort.abort();
      signal?.throwIfAborted();
      if (cause instanceof ObjectError) throw cause;
      if (tries === TRIES || clock.monotonic() > latest || !mayRepeat(cause)) throw failure(what, cause);
    } finally {
      cancel();
      signal?.removeEventListener('abort', giveUp);
    }
    await sleep(clock, FIRST_WAIT_MS * 4 ** (tries - 1), signal);
    signal?.throwIfAborted();
  }
}

interface SdkError {
  name?: string;
  $metadata?: { httpStatusCode?: number };
}

function nameOf(cause: unknown): string | undefined {
  return (cause as SdkError | undefined)?.name;
}

function statusOf(cause: unknown): number | undefined {
  return (cause as SdkError | undefined)?.$metadata?.httpStatusCode;
}

/** Whether S3 says that it understood the request and has not done it. */
function isRefusal(cause: unknown): boolean {
  const status = statusOf(cause) ?? 0;
  return status >= 400 && status < 500 && status !== 408 && nameOf(cause) !== 'RequestTimeout';
}

/** Whether the same request may succeed: all but what S3 refused for what it is, and a lack of credentials. */
function mayRepeat(cause: unknown): boolean {
  const refused = isRefusal(cause) && statusOf(cause) !== 429 && !REPEATED.has(nameOf(cause) ?? '');
  return !refused && nameOf(cause) !== 'CredentialsProviderError';
}

function missing(name: string, cause?: unknown): ObjectError {
  return new ObjectError('OBJECT_MISSING', `There is no object ${name}.`, { cause });
}

/** Names what S3 answered and no more: its messages name accounts and keys. */
function failure(what: string, cause: unknown): ObjectError {
  const status = statusOf(cause);
  const name = (cause as NodeJS.ErrnoException).code ?? nameOf(cause);
  const answer = status === undefined ? `no whole answer in time, ${name}` : `${name}, HTTP ${status}`;
  const message = `S3 failed to ${what} (${answer}); check the bucket, the endpoint and the rights, or try again.`;
  return new ObjectError('STORE_FAILED', message, { cause });
}
