import type { VarveError } from '../../lib/errors.ts';

/** The code that the promise rejects with; `no error` when it does not. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: VarveError) => error.code,
  );
}
