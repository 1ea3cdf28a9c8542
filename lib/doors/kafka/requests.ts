import { VarveError } from '../../errors.ts';
import { type Api, codecOf } from './api.ts';
import { apiVersions } from './apis/api-versions.ts';
import {
  type Input,
  inputOf,
  MAX_ELEMENTS,
  readInt16,
  readInt32,
  readString,
  readUnsignedVarint,
  skip,
} from './protocol/input.ts';
import { output, partsOf, writeInt32, writeUnsignedVarint } from './protocol/output.ts';

/** A request as it came in a frame: what is asked of which API, in which version. */
export interface Request {
  api: Api;
  version: number;
  /** Not one of ours: answered in version 0 with what there is (only ApiVersions is, KIP-511). */
  unsupported: boolean;
  correlationId: number;
  clientId: string;
  body: unknown;
  /** Bytes that it takes as long as it is not answered, about. */
  size: number;
  /** It has so many elements that answering it may take many times as much, for a while that does not depend on others. */
  isCrowded: boolean;
}

/** What an array's element becomes takes about as much, beside the frame's bytes. */
const ELEMENT_BYTES = 128;
/** Elements. */
const CROWD = 10_000;

/**
 * Reads a frame without its length: header (version 1, or 2 in flexible versions), then the message. Bytes that follow are passed over,
 * as Kafka does: librdkafka 2.15 sends some after its Metadata request for all topics. INVALID_REQUEST when it cannot be read or
 * asks for what is not served: both end the connection, as in Kafka.
 */
export function readRequest(frame: Buffer, apis: ReadonlyMap<number, Api>): Request {
  const input = inputOf(frame);
  const key = readInt16(input);
  const version = readInt16(input);
  const correlationId = readInt32(input);
  const api = apis.get(key);
  const isKnown = api && version >= api.versions[0] && version <= api.versions[1];
  if (!isKnown) {
    if (api === apiVersions) {
      const nothing = { clientId: '', body: undefined, size: frame.length, isCrowded: false };
      return { api, version: 0, unsupported: true, correlationId, ...nothing };
    }
    throw new VarveError('INVALID_REQUEST', `Version ${version} of the Kafka API ${api?.name ?? key} is not served.`);
  }
  const clientId = readClientId(input);
  if (version >= api.flexible) skipTags(input);
  const body = codecOf(api, version).request.read(input);
  const elements = MAX_ELEMENTS - input.elements;
  const size = frame.length + elements * ELEMENT_BYTES;
  return {
    api,
    version,
    unsupported: false,
    correlationId,
    clientId,
    body,
    size,
    isCrowded: !api.waits && elements > CROWD,
  };
}

function readClientId(input: Input): string {
  const length = readInt16(input);
  return length < 0 ? '' : readString(input, length);
}

function skipTags(input: Input): void {
  for (let left = readUnsignedVarint(input); left > 0; left--) {
    readUnsignedVarint(input);
    skip(input, readUnsignedVarint(input));
  }
}

/** A whole frame, in parts: length, header (version 0, or 1 in flexible versions, ApiVersions apart), message. */
export function writeResponse({ api, version, correlationId }: Request, answer: unknown): Uint8Array[] {
  const out = output();
  writeInt32(out, 0);
  writeInt32(out, correlationId);
  if (version >= api.flexible && api !== apiVersions) writeUnsignedVarint(out, 0);
  codecOf(api, version).response.write(out, answer);
  const parts = partsOf(out);
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  Buffer.from(parts[0]!.buffer, parts[0]!.byteOffset, 4).writeInt32BE(size - 4);
  return parts;
}
