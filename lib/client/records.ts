import { type ErrorAnswer, errorFrom } from './requests.ts';

/** One value a name; a name that comes more than once has a list. */
export type Headers = Readonly<Record<string, string | null | readonly (string | null)[]>>;

/**
 * What a record carries, as the door has it in JSON: the value is its JSON, or a string; bytes that are not UTF-8 are base64
 * under `key_base64`, `value_base64` and `headers_base64`.
 */
export interface RecordContent {
  key?: string | null;
  key_base64?: string;
  /** Null or absent: no value (a tombstone, where the topic is compacted). */
  value?: unknown;
  value_base64?: string;
  headers?: Headers;
  headers_base64?: Headers;
}

/** A record to append. */
export interface NewRecord extends RecordContent {
  /** Absent: by the key, as Kafka's Java client chooses; without a key, any. */
  partition?: number;
  /** Milliseconds since the epoch or an ISO 8601 time; the server's now when absent. */
  timestamp?: number | string;
}

/** A record as it is read. */
export interface ReadRecord extends RecordContent {
  partition: number;
  offset: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
}

export interface AppendedRecord {
  partition: number;
  offset: number;
  /** The timestamp that readers will see. */
  timestamp: number;
}

/** The answers of an append, one a record. */
export interface AppendAnswer {
  offsets: (AppendedRecord | ErrorAnswer)[];
}

/** Throws the first record's error when one was refused. */
export function appendedOf({ offsets }: AppendAnswer): AppendedRecord[] {
  return offsets.map((answer) => {
    if ('error_code' in answer) throw errorFrom(answer);
    return answer;
  });
}
