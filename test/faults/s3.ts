import { Readable } from 'node:stream';
import { type Hook, lost, type Reply, type Request } from './transport.ts';

/** What S3 answers when it does not do it, and what may become of bodies on their way. */

export function s3Failure(status: number, code: string): Reply {
  const body = Buffer.from(`<Error><Code>${code}</Code><Message>injected</Message></Error>`);
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

const bodyOf = ({ body }: Reply) => body as Buffer;

/** The connection breaks in the middle of the body. */
export function cut(reply: Reply): Reply {
  const half = bodyOf(reply).subarray(0, bodyOf(reply).length / 2);
  async function* broken() {
    yield half;
    lost();
  }
  return { ...reply, body: Readable.from(broken()) };
}

/** The body ends in the middle as if that were its end. */
export function truncated(reply: Reply): Reply {
  return { ...reply, body: bodyOf(reply).subarray(0, bodyOf(reply).length / 2) };
}

/** One bit in the middle is another. */
export function flipped<T extends Uint8Array>(bytes: T): T {
  const other = Buffer.from(bytes);
  other[other.length >> 1]! ^= 1;
  return other as Uint8Array as T;
}

/** The body stops in the middle, and the connection stays open. */
export function stalled(reply: Reply): Reply {
  const body = new Readable({ read() {} });
  body.push(bodyOf(reply).subarray(0, bodyOf(reply).length / 2));
  return { ...reply, body };
}

/** Chances in [0, 1] of what may become of a request to S3. */
export interface S3Faults {
  /** 503 SlowDown or 500 InternalError; not carried out. */
  refused: number;
  unsent: number;
  /** Carried out, and the answer lost. */
  lost: number;
  /** A body that is cut, truncated, or, where S3 sends a checksum, altered. */
  broken: number;
  /** A put's body altered on its way there. */
  altered: number;
}

/** Tries of one request that meet a fault; a put may need a try more, to see what is there. */
const MERCY = 1;

/** Faults on every request; `counts` says how often each happened. */
export function injectS3Faults(faults: S3Faults, random: () => number) {
  const counts = { refused: 0, unsent: 0, lost: 0, broken: 0, altered: 0 };
  const met = new Map<string, number>();
  const hook: Hook = async (request, send) => {
    const same = keyOf(request);
    const before = met.get(same) ?? 0;
    let dice = before < MERCY ? random() : 1;
    const happens = (fault: keyof S3Faults) => {
      dice -= faults[fault];
      if (dice >= 0) return false;
      counts[fault] += 1;
      met.set(same, before + 1);
      return true;
    };
    if (happens('refused')) return random() < 0.5 ? s3Failure(503, 'SlowDown') : s3Failure(500, 'InternalError');
    if (happens('unsent')) return lost();
    if (happens('lost')) {
      await send();
      return lost();
    }
    if (request.operation === 'PutObject' && request.body.length > 0 && happens('altered')) {
      return send({ ...request, body: flipped(request.body) });
    }
    const reply = await send();
    if (request.operation !== 'GetObject' || reply.status >= 300 || bodyOf(reply).length < 2) return reply;
    if (!happens('broken')) return reply;
    const kind = random();
    if (kind < 0.4) return cut(reply);
    if (kind < 0.7 || request.headers.range !== undefined) return truncated(reply);
    return { ...reply, body: flipped(bodyOf(reply)) };
  };
  return { hook, counts };
}

/** Tries of one request are alike in this. */
function keyOf({ operation, path, headers, body }: Request): string {
  return `${operation} ${path} ${headers.range} ${operation === 'PutObject' ? headers['x-amz-checksum-crc32'] : body.length}`;
}
