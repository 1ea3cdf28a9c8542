/**
 * Messages as data: one schema says what a message is in all of its versions. `compile` makes codecs of it. The TypeScript types
 * of what is read and written follow from the schema.
 *
 *     struct({
 *       topics: nullable(array(struct({ name: string })), 1),    // null is allowed from version 1 on
 *       allowAutoTopicCreation: since(4, bool, true),             // from version 4 on; true in those before
 *     })
 */

export type PrimitiveName =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records';

export type Node =
  | { readonly kind: 'primitive'; readonly name: PrimitiveName }
  | { readonly kind: 'array'; readonly of: Node }
  | { readonly kind: 'struct'; readonly fields: Readonly<Record<string, Node>> }
  | { readonly kind: 'nullable'; readonly of: Node; readonly since: number }
  | {
      readonly kind: 'versioned';
      readonly of: Node;
      readonly since: number;
      readonly until: number;
      /** A tagged field's number. */
      readonly tag?: number;
      /** What is read where the message has no such field. */
      readonly fallback: unknown;
    };

/** A node, with the types of what is read and of what may be written. */
export type Schema<R = unknown, W = unknown> = Node & { readonly types?: { read: R; write: W } };
/** Of a field that some versions lack: who writes may leave it out. */
export type Versioned<R = unknown, W = unknown> = Schema<R, W> & { readonly kind: 'versioned' };

export type ReadOf<S> = S extends Schema<infer R, unknown> ? R : never;
export type WriteOf<S> = S extends Schema<unknown, infer W> ? W : never;

type Fields = Readonly<Record<string, Schema>>;
type Flat<T> = { [K in keyof T]: T[K] };
type ReadFields<F extends Fields> = { readonly [K in keyof F]: ReadOf<F[K]> };
type WriteFields<F extends Fields> = Flat<
  { readonly [K in keyof F as F[K] extends Versioned ? never : K]: WriteOf<F[K]> } & {
    readonly [K in keyof F as F[K] extends Versioned ? K : never]?: WriteOf<F[K]>;
  }
>;

const primitive = <R, W = R>(name: PrimitiveName): Schema<R, W> => ({ kind: 'primitive', name });

export const bool = primitive<boolean>('bool');
export const int8 = primitive<number>('int8');
export const int16 = primitive<number>('int16');
export const uint16 = primitive<number>('uint16');
export const int32 = primitive<number>('int32');
/** A number: beyond safe integers what is read is not exact, and never looks safe. */
export const int64 = primitive<number>('int64');
export const float64 = primitive<number>('float64');
/** With dashes. */
export const uuid = primitive<string>('uuid');
export const string = primitive<string>('string');
export const bytes = primitive<Uint8Array>('bytes');
/** Read as one slice of the frame, written as batches that follow each other. */
export const records = primitive<Uint8Array, readonly Uint8Array[]>('records');

export const NO_UUID = '00000000-0000-0000-0000-000000000000';

export function struct<const F extends Fields>(fields: F): Schema<ReadFields<F>, WriteFields<F>> {
  return { kind: 'struct', fields };
}

export function array<R, W>(of: Schema<R, W>): Schema<readonly R[], readonly W[]> {
  return { kind: 'array', of };
}

/** May be null, from a version on. */
export function nullable<R, W>(of: Schema<R, W>, from = 0): Schema<R | null, W | null> {
  return { kind: 'nullable', of, since: from };
}

/** A field that there is from version `from` on. */
export function since<R, W>(from: number, of: Schema<R, W>, fallback?: R): Versioned<R, W> {
  const until = of.kind === 'versioned' ? of.until : Number.POSITIVE_INFINITY;
  return { kind: 'versioned', of: unwrapped(of), since: from, until, fallback: fallback ?? fallbackOf(of, fallback) };
}

/** A field that there is up to version `last`. */
export function until<R, W>(last: number, of: Schema<R, W>, fallback?: R): Versioned<R, W> {
  return { kind: 'versioned', of, since: 0, until: last, fallback: fallbackOf(of, fallback) };
}

/** A tagged field, from version `from` on. Written only when it is given. */
export function tagged<R, W>(tag: number, from: number, of: Schema<R, W>, fallback?: R): Versioned<R, W> {
  const last = Number.POSITIVE_INFINITY;
  return { kind: 'versioned', of, since: from, until: last, tag, fallback: fallbackOf(of, fallback) };
}

function unwrapped(of: Node): Node {
  return of.kind === 'versioned' ? of.of : of;
}

/** Kafka's own default of a type. */
function fallbackOf(of: Node, given: unknown): unknown {
  if (given !== undefined) return given;
  switch (of.kind) {
    case 'versioned':
      return of.fallback;
    case 'nullable':
      return fallbackOf(of.of, undefined);
    case 'array':
      return [];
    case 'struct':
      return Object.fromEntries(Object.entries(of.fields).map(([name, field]) => [name, fallbackOf(field, undefined)]));
    default:
      return ZERO[of.name];
  }
}

const NOTHING = new Uint8Array(0);
const ZERO: Readonly<Record<PrimitiveName, unknown>> = {
  bool: false,
  int8: 0,
  int16: 0,
  uint16: 0,
  int32: 0,
  int64: 0,
  float64: 0,
  uuid: NO_UUID,
  string: '',
  bytes: NOTHING,
  records: NOTHING,
};
