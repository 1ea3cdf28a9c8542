import type { LogRecord } from '../../format/records/record.ts';
import type { Lane } from './ports.ts';

/**
 * Which record of the batch a function says it failed at first, by `batchItemFailures`; `all` when it says that something failed, and
 * not which of these; undefined when it says nothing of the kind.
 */
export function failureIn(
  answer: unknown,
  { topic, partition }: Pick<Lane, 'topic' | 'partition'>,
  batch: readonly LogRecord[],
): number | 'all' | undefined {
  const failures = field(answer, 'batchItemFailures');
  if (failures === undefined || failures === null) return undefined;
  if (!Array.isArray(failures)) return 'all';
  let first: number | undefined;
  for (const failure of failures) {
    const item = field(failure, 'itemIdentifier');
    const named = field(item, 'partition') === `${topic}-${partition}` ? field(item, 'offset') : undefined;
    const at = batch.findIndex(({ offset }) => offset === named);
    if (at < 0) return 'all';
    first = Math.min(first ?? at, at);
  }
  return first;
}

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined;
}
