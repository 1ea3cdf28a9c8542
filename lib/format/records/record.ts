/** A record header. Keys are UTF-8 and may repeat. */
export interface RecordHeader {
  key: string;
  value: Uint8Array | null;
}

/** What a caller appends. */
export interface NewRecord {
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: readonly RecordHeader[];
  /** Milliseconds since the epoch, a safe integer. */
  timestamp: number;
}

/** What a reader gets. */
export interface LogRecord extends NewRecord {
  offset: number;
}
