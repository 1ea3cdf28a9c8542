import type { Context } from 'hono';
import { bindingsOf, type Door } from './door.ts';
import { ENCODINGS } from './encodings.ts';
import { bodyTooLarge, HttpProblem } from './errors.ts';

/** The content type without its parameters, if it is one of those allowed; else UNSUPPORTED_MEDIA_TYPE. No form of a web page can send one of them. */
export function contentType<T extends string>(c: Context, allowed: readonly T[]): T {
  const header = c.req.header('content-type') ?? '';
  const [type = '', ...parameters] = header.toLowerCase().split(';');
  const found = allowed.find((one) => one === type.trim());
  const charset = parameters.map((one) => one.trim()).find((one) => one.startsWith('charset='));
  if (found === undefined || !/^(charset="?utf-?8"?)?$/.test(charset ?? '')) {
    throw new HttpProblem(
      'UNSUPPORTED_MEDIA_TYPE',
      `Send the body as Content-Type: ${allowed.join(' or ')}, in UTF-8.`,
    );
  }
  return found;
}

/**
 * Reads the body, decompressed as its Content-Encoding says (gzip, deflate, zstd), and holds room for it until `use` is done.
 * BODY_TOO_LARGE beyond `maxBodyBytes`, before or after decompression.
 */
export async function withBody<T>(c: Context, door: Door, use: (body: Uint8Array) => Promise<T>): Promise<T> {
  const { maxBodyBytes } = door.limits;
  const encoding = (c.req.header('content-encoding') ?? 'identity').trim().toLowerCase();
  const decode = ENCODINGS[encoding];
  if (encoding !== 'identity' && !decode) {
    throw new HttpProblem(
      'UNSUPPORTED_ENCODING',
      'Content-Encoding may be gzip, zstd, deflate or identity, one of them.',
    );
  }
  const declared = c.req.header('content-length');
  const length = declared === undefined ? undefined : Number(declared);
  if (length !== undefined && length > maxBodyBytes) throw bodyTooLarge(maxBodyBytes);
  const release = await door.budget.take((length ?? maxBodyBytes) + (decode ? maxBodyBytes : 0));
  try {
    const sent = await received(door, length === undefined ? readChunks(c, maxBodyBytes) : c.req.bytes());
    return await use(decode ? await decode(sent, maxBodyBytes) : sent);
  } finally {
    release();
  }
}

/** Room is held for a body while it arrives: nobody may take for ever. */
function received(door: Door, body: Promise<Uint8Array>): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const { maxReceiving } = door.limits;
    const cancel = door.clock.schedule(maxReceiving, () =>
      reject(
        new HttpProblem(
          'BODY_TOO_SLOW',
          `The body did not arrive within ${maxReceiving} ms; send it in smaller parts.`,
        ),
      ),
    );
    body.then(resolve, reject).finally(cancel);
  });
}

/** What came with a GET, for the addresses of others that want it so; nothing as a rule. */
export async function bodyOfGet(c: Context, door: Door): Promise<Uint8Array> {
  const { body } = bindingsOf(c);
  if (!body) return new Uint8Array();
  return received(door, gathered(body, door.limits.maxBodyBytes));
}

function readChunks(c: Context, limit: number): Promise<Uint8Array> {
  return gathered(c.req.raw.body ?? [], limit);
}

async function gathered(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw bodyTooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
