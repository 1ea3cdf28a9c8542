import { parentPort, workerData } from 'node:worker_threads';
import { asVarveError } from './database.ts';
import { type Answer, type Engine, openEngine } from './engine.ts';
import type { FromThread, ThreadOptions, ToThread } from './thread.ts';

const IDLE_MS = 20;

const port = parentPort;
if (!port) throw new Error('This file is run as a worker thread by openSqlite.');
const post = (message: FromThread, moved: ArrayBuffer[] = []) => port.postMessage(message, moved);

const { path, clusterId } = workerData as ThreadOptions;

try {
  const engine = openEngine(path, clusterId);
  serve(engine);
  post({ opened: { clusterId: engine.clusterId } });
} catch (error) {
  const { code, message } = asVarveError(error);
  post({ refused: { code, message } });
}

function serve(engine: Engine): void {
  let idle: NodeJS.Timeout | undefined;
  const tidyLater = () => {
    clearTimeout(idle);
    idle = setTimeout(() => {
      if (engine.tidy()) tidyLater();
    }, IDLE_MS);
  };

  port?.on('message', (message: ToThread) => {
    clearTimeout(idle);
    if (message === 'close') {
      engine.close();
      port.close();
      return;
    }
    const { now, reads, writes } = message.batch;
    if (reads.length > 0) {
      const answers = engine.read(reads);
      post({ reads: answers }, bytesIn(answers));
    }
    if (writes.length > 0) post({ writes: engine.write(writes, now) });
    post('batch done');
    tidyLater();
  });
}

/** Bytes that were read are nobody else's: they need not be copied into the other thread. */
function bytesIn(answers: readonly Answer[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const answer of answers) {
    if (!('value' in answer && Array.isArray(answer.value))) continue;
    for (const one of answer.value) {
      if (one instanceof Uint8Array && one.buffer instanceof ArrayBuffer) buffers.add(one.buffer);
    }
  }
  return [...buffers];
}
