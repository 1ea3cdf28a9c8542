import { VarveError } from '../lib/errors.ts';

/** Where the log of a function lies, as the construct tells it. INVALID_CONFIG when it does not. */
export function logOf({ VARVE_BUCKET: bucket, VARVE_TABLE: table }: NodeJS.ProcessEnv): {
  bucket: string;
  table: string;
} {
  if (bucket && table) return { bucket, table };
  throw new VarveError('INVALID_CONFIG', 'Name the bucket by VARVE_BUCKET and the table by VARVE_TABLE.');
}

/** The URL of the log's queue of deliveries. INVALID_CONFIG when there is none. */
export function queueOf({ VARVE_QUEUE: queue }: NodeJS.ProcessEnv): string {
  if (queue) return queue;
  throw new VarveError('INVALID_CONFIG', 'Name the queue of deliveries by VARVE_QUEUE.');
}

/** Opens when it is first asked for, and keeps it while the environment is warm. What fails to open is opened again by the next call. */
export function kept<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
