import { Worker } from 'node:worker_threads';
import { type ErrorCode, VarveError } from '../../../errors.ts';
import type { Answered, Batch, Transport } from './requests.ts';

export interface ThreadOptions {
  path: string;
  clusterId: string;
}

export type ToThread = { batch: Batch } | 'close';

export type FromThread =
  | { opened: { clusterId: string } }
  | { refused: { code: ErrorCode; message: string } }
  | Answered
  | 'batch done';

/** Otherwise V8 lets what is short-lived grow to 128 MiB before it looks, in each thread. */
const YOUNG_MB = 24;

/** The engine in a thread of its own. The thread does not keep the process alive while nothing is asked of it. */
export async function startThread(options: ThreadOptions): Promise<Transport> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
    workerData: options,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  const exited = new Promise<void>((resolve) => worker.on('exit', () => resolve()));
  let onMessage: (message: FromThread) => void = () => {};
  let onLost: (error: Error) => void = () => {};
  let lost: Error | undefined;
  const lose = (error: Error) => {
    lost ??= error;
    onLost(lost);
  };
  worker.on('message', (message: FromThread) => onMessage(message));
  worker.on('messageerror', lose);
  worker.on('error', lose);
  worker.on('exit', (code) => lose(new Error(`its thread ended with code ${code}`)));
  const post = (message: ToThread) => worker.postMessage(message);

  const opened = await new Promise<{ clusterId: string }>((resolve, reject) => {
    onLost = reject;
    onMessage = (message) => {
      if (typeof message === 'string') return;
      if ('opened' in message) resolve(message.opened);
      if ('refused' in message) reject(new VarveError(message.refused.code, message.refused.message));
    };
  });
  worker.unref();

  return {
    clusterId: opened.clusterId,

    async send(batch, onAnswers) {
      if (lost) throw lost;
      worker.ref();
      try {
        await new Promise<void>((resolve, reject) => {
          onLost = reject;
          onMessage = (message) => {
            if (message === 'batch done') resolve();
            else if ('reads' in message || 'writes' in message) onAnswers(message);
          };
          post({ batch });
        });
      } finally {
        worker.unref();
      }
    },

    async close() {
      worker.ref();
      post('close');
      await exited;
    },
  };
}
