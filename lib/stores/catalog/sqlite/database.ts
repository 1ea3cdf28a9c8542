import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { VarveError } from '../../../errors.ts';

/** A connection with its statements prepared once each. Statements are keyed by their text: write them as constants. */
export interface Database {
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[];
  /** Answers how many rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number;
  /** Runs statements that are not worth preparing. */
  exec(sql: string): void;
  readonly inTransaction: boolean;
  close(): void;
}

/** `path` is a file or `:memory:`. Does not touch the file yet. */
export function connect(path: string): Database {
  const connection = new DatabaseSync(path, { timeout: 0 });
  const statements = new Map<string, StatementSync>();
  const statement = (sql: string) => {
    let prepared = statements.get(sql);
    if (!prepared) {
      prepared = connection.prepare(sql);
      statements.set(sql, prepared);
    }
    return prepared;
  };
  return {
    get: <Row>(sql: string, ...values: SQLInputValue[]) => statement(sql).get(...values) as Row | undefined,
    all: <Row>(sql: string, ...values: SQLInputValue[]) => statement(sql).all(...values) as Row[],
    run: (sql, ...values) => Number(statement(sql).run(...values).changes),
    exec: (sql) => connection.exec(sql),
    get inTransaction() {
      return connection.isTransaction;
    },
    close() {
      statements.clear();
      connection.close();
    },
  };
}

/** SQLite's primary result codes, https://sqlite.org/rescode.html */
export const RESULT = { BUSY: 5, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const;

/** The primary result code of an error that SQLite raised; undefined for any other error. */
export function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** What a caller of the port gets to see of a failure: the error itself when it is ours, else a storage error that names the cause. */
export function asVarveError(error: unknown): VarveError {
  if (error instanceof VarveError) return error;
  const cause = { cause: error };
  switch (resultCode(error)) {
    case RESULT.FULL:
      return new VarveError('KAFKA_STORAGE_ERROR', 'The disk is full: free some room and try again.', cause);
    case RESULT.IOERR:
      return new VarveError('KAFKA_STORAGE_ERROR', `The catalog's disk failed: ${messageOf(error)}. Try again.`, cause);
    case RESULT.CORRUPT:
    case RESULT.NOTADB:
      return new VarveError('DATA_UNREADABLE', `The catalog's file is damaged: ${messageOf(error)}.`, cause);
    default:
      return new VarveError('KAFKA_STORAGE_ERROR', `The catalog failed: ${messageOf(error)}. Try again.`, cause);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
