import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Api, codecOf } from '../../../../lib/doors/kafka/api.ts';
import { APIS } from '../../../../lib/doors/kafka/apis/apis.ts';
import { inputOf } from '../../../../lib/doors/kafka/protocol/input.ts';
import { output, partsOf } from '../../../../lib/doors/kafka/protocol/output.ts';
import { VarveError } from '../../../../lib/errors.ts';
import {
  type Context,
  covers,
  decode,
  encode,
  messages,
  type OfficialMessage,
  official,
  writable,
} from './official.ts';

const RUNS = 25;

/** Bytes as hex, so that Buffers and other arrays compare by what they hold. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}

function contextOf(message: OfficialMessage, api: Api, version: number): Context {
  return { version, flexible: covers(message.flexibleVersions, version), versions: api.versions };
}

const versionsOf = ({ versions: [first, last] }: Api) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const cases = APIS.flatMap((api) => versionsOf(api).map((version) => [api.name, version, api] as const));

describe('every API that is served, in every version', () => {
  test.each(cases)('%s %i reads and writes what Kafka reads and writes', (name, version, api) => {
    const codecs = codecOf(api, version);
    for (const [kind, codec] of [
      ['Request', codecs.request],
      ['Response', codecs.response],
    ] as const) {
      const message = official(`${name}${kind}`);
      expect(message.apiKey).toBe(api.key);
      const context = contextOf(message, api, version);
      expect(version >= api.flexible).toBe(context.flexible);
      fc.assert(
        fc.property(messages(message.fields, context), fc.boolean(), (value, extra) => {
          // What Kafka writes is read as it was meant, tagged fields that nobody knows passed over.
          const bytes = encode(message.fields, value, { ...context, extra });
          const input = inputOf(bytes);
          expect(plain(codec.read(input))).toEqual(plain(value));
          expect(input.at).toBe(bytes.length);
          // What is written is read by Kafka as it was meant.
          const out = output();
          codec.write(out, writable(message.fields, value));
          const written = Buffer.concat(partsOf(out));
          const cursor = { bytes: written, at: 0 };
          expect(plain(decode(message.fields, cursor, context))).toEqual(plain(value));
          expect(cursor.at).toBe(written.length);
        }),
        { numRuns: RUNS },
      );
    }
  });

  test.each(cases)(
    '%s %i: a request that is cut short is refused, and no other error comes of it',
    (name, version, api) => {
      const message = official(`${name}Request`);
      const context = contextOf(message, api, version);
      const { request } = codecOf(api, version);
      fc.assert(
        fc.property(messages(message.fields, context), fc.nat(), fc.nat(), (value, cut, flip) => {
          const whole = encode(message.fields, value, context);
          if (whole.length === 0) return;
          const short = whole.subarray(0, cut % whole.length);
          expect(() => request.read(inputOf(short))).toThrow(VarveError);
          const damaged = Buffer.from(whole);
          damaged[flip % whole.length]! ^= 1 << (cut % 8);
          try {
            request.read(inputOf(damaged));
          } catch (error) {
            expect(error).toBeInstanceOf(VarveError);
          }
        }),
        { numRuns: RUNS },
      );
    },
  );
});

test('no API key is served twice', () => {
  expect(new Set(APIS.map(({ key }) => key)).size).toBe(APIS.length);
});
