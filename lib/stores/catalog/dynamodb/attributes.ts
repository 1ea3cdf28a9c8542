import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { VarveError } from '../../../errors.ts';

/** An item as Varve's code has it, and as the SDK does. */

/** Numbers travel as decimal strings, so whole numbers of up to 38 digits are exact. */
export type Value = string | number | bigint | Uint8Array | readonly Value[] | { readonly [name: string]: Value };
export type StoredValue = string | bigint | Uint8Array | StoredValue[] | { [name: string]: StoredValue };
export type Item = Readonly<Record<string, StoredValue>>;

export type Marshalled = Record<string, AttributeValue>;

export function marshal(item: object): Marshalled {
  const out: Marshalled = {};
  for (const [name, value] of Object.entries(item) as [string, Value][]) out[name] = toAttribute(value);
  return out;
}

function toAttribute(value: Value): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number' || typeof value === 'bigint') return { N: value.toString() };
  if (value instanceof Uint8Array) return { B: value };
  if (Array.isArray(value)) return { L: (value as readonly Value[]).map(toAttribute) };
  return { M: marshal(value) };
}

export function unmarshal(item: Marshalled): Item {
  const out: Record<string, StoredValue> = {};
  for (const [name, value] of Object.entries(item)) out[name] = fromAttribute(value);
  return out;
}

function fromAttribute(value: AttributeValue): StoredValue {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return BigInt(value.N);
  if (value.B !== undefined) return value.B;
  if (value.L !== undefined) return value.L.map(fromAttribute);
  if (value.M !== undefined) return { ...unmarshal(value.M) };
  throw new VarveError(
    'KAFKA_STORAGE_ERROR',
    'The table holds an attribute that Varve does not write; check who else writes to it.',
  );
}
