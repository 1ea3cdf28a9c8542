/**
 * An object's name is `/`-separated segments of `[A-Za-z0-9._-]`, at most 512 characters, none empty, `.` or `..`. A store holds
 * no two names of which one continues the other with a `/`: files and folders cannot share a name.
 */
export interface ObjectInfo {
  name: string;
  /** Bytes. */
  size: number;
}

export type ObjectErrorCode =
  /** A put met a name that is taken. Names are never reused: treat it as a bug or as one's own earlier put. */
  | 'OBJECT_EXISTS'
  | 'OBJECT_MISSING'
  /** The store refused for lack of room. Nothing was written; reads go on. */
  | 'STORE_FULL'
  /** Anything else that the store answered. The outcome of a put is then unknown; the name must not be used again. */
  | 'STORE_FAILED';

export class ObjectError extends Error {
  override readonly name = 'ObjectError';
  readonly code: ObjectErrorCode;

  constructor(code: ObjectErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Port: immutable objects, put once, named by the caller. Every failure is an `ObjectError`, an abort is the signal's reason. */
export interface ObjectStore {
  /** Writes the parts, one after the other, as one object. Durable and visible whole when it resolves; never visible in part. */
  put(name: string, parts: readonly Uint8Array[], options?: { signal?: AbortSignal }): Promise<void>;

  /** The whole object, or `length` bytes from `start`; a range that passes the end is OBJECT_MISSING's cousin: STORE_FAILED. */
  get(name: string, options?: { start?: number; length?: number; signal?: AbortSignal }): Promise<Uint8Array>;

  /** Undefined when there is no such object. */
  stat(name: string, options?: { signal?: AbortSignal }): Promise<ObjectInfo | undefined>;

  /** Up to `limit` (default 1000) objects whose names start with `prefix` and sort after `after`, in the order of names. */
  list(prefix: string, options?: { after?: string; limit?: number; signal?: AbortSignal }): Promise<ObjectInfo[]>;

  /** Deletes what exists; names that do not exist are no error. At most 1000 names. */
  delete(names: readonly string[], options?: { signal?: AbortSignal }): Promise<void>;

  close(): Promise<void>;
}
