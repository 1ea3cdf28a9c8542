import { type Item, type Marshalled, unmarshal } from './attributes.ts';

/**
 * What one request came to. `refused`: its condition does not hold, `item` is what the table has instead (undefined: nothing).
 * `busy`: throttled, or in conflict with a transaction. `rejected`: wrong in itself, or without the right. None of these three
 * was applied. `ambiguous`: no answer, or one that does not say; it may be applied, now or later.
 */
export type Answer<T> =
  | { status: 'ok'; value: T }
  | { status: 'refused'; item: Item | undefined }
  | { status: 'busy' | 'rejected' | 'ambiguous'; cause: unknown };

const BUSY = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'TransactionConflictException',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
]);

function isConflict(code: string | undefined): boolean {
  return code === 'TransactionConflict' || code === 'ThrottlingError' || code === 'ProvisionedThroughputExceeded';
}

interface SdkError {
  name?: string;
  $fault?: string;
  $metadata?: { httpStatusCode?: number };
  Item?: Marshalled;
  CancellationReasons?: { Code?: string; Item?: Marshalled }[];
}

/** The SDK's name for a failure; undefined when it is not one of its own. */
export function nameOf(cause: unknown): string | undefined {
  return (cause as SdkError | undefined)?.name;
}

/** What a failed request came to. */
export function failure(cause: unknown): Exclude<Answer<never>, { status: 'ok' }> {
  const error = cause as SdkError;
  const refused = (found: Marshalled | undefined) => ({ status: 'refused', item: found && unmarshal(found) }) as const;
  if (error.name === 'ConditionalCheckFailedException') return refused(error.Item);
  if (error.name === 'TransactionCanceledException') {
    const reasons = error.CancellationReasons ?? [];
    const failed = reasons.find((reason) => reason.Code === 'ConditionalCheckFailed');
    if (failed) return refused(failed.Item);
    return { status: reasons.some((reason) => isConflict(reason.Code)) ? 'busy' : 'rejected', cause };
  }
  const http = error.$metadata?.httpStatusCode;
  if (BUSY.has(error.name ?? '') || http === 429) return { status: 'busy', cause };
  // An answer of 4xx says that the request was understood and not done; 408 is the one that does not.
  const understood = http !== undefined && http >= 400 && http < 500 && http !== 408;
  return { status: understood || error.name === 'CredentialsProviderError' ? 'rejected' : 'ambiguous', cause };
}
