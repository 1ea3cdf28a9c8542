import type { AppendedRecord, NewRecord, Producer } from '../../client/client.ts';

export interface PipelineOptions {
  producer: Producer;
  topic: string;
  /** What may wait at most, in the unit of `size`. */
  limit: number;
  /** Called in the order of `send`, one call after the other. */
  onAppended(records: AppendedRecord[]): Promise<void>;
  /** Called at the first failure. */
  onFailed(): void;
}

/** Sends many appends at a time, in order, bounded in what waits. */
export interface Pipeline {
  /** Waits until there is room, then sends. Throws what failed before. */
  send(records: NewRecord[], size: number): Promise<void>;
  /** Waits until everything is acknowledged; throws what failed first. */
  drain(): Promise<void>;
}

export function pipeline({ producer, topic, limit, onAppended, onFailed }: PipelineOptions): Pipeline {
  /** Each ends after the one before it. */
  const steps: { done: Promise<void>; size: number }[] = [];
  let last = Promise.resolve();
  let held = 0;
  let failed = false;

  return {
    async send(records, size) {
      while (steps.length > 0 && held + size > limit) await steps[0]!.done;
      if (failed) await last;
      const appended = producer.append(topic, records);
      appended.catch(() => {});
      const done = last.then(async () => {
        await onAppended(await appended);
        steps.shift();
        held -= size;
      });
      done.catch(() => {
        if (!failed) onFailed();
        failed = true;
      });
      last = done;
      steps.push({ done, size });
      held += size;
    },
    drain: () => last,
  };
}
