import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type FunctionSettings, inTime } from './handler.ts';

export interface EnvironmentOptions extends FunctionSettings {
  /** The URL of a module that exports `handler`. */
  module: string;
}

export interface Environments {
  /** The text of an event to the text of an answer. Rejects with an Error that says what the function threw, or how it ended. */
  invoke(event: string): Promise<string>;
  close(): Promise<void>;
}

export type ToEnvironment = { event: string };
export type FromEnvironment = 'ready' | { loaded: string } | { answer: string } | { error: string };

interface Environment {
  invoke(event: string): Promise<string>;
  /** Whether its files are as they were when it loaded them. */
  isFresh(): boolean;
  hasEnded(): boolean;
  end(): Promise<unknown>;
}

/** What Lambda gives a module to load. */
const LOAD_MS = 10_000;

/**
 * A function as Lambda runs it: in environments, each of which keeps its module and runs one invocation at a time. As many are made
 * as are needed at a time. One that exits, or is not done in time, is ended; one whose files changed is replaced before its next
 * invocation. Rejects when the module cannot be loaded.
 */
export async function openEnvironments(options: EnvironmentOptions): Promise<Environments> {
  const idle: Environment[] = [];
  const all = new Set<Environment>();
  const closing = new AbortController();

  async function start(): Promise<Environment> {
    const environment = await startEnvironment(options, closing.signal);
    all.add(environment);
    return environment;
  }

  async function end(environment: Environment): Promise<void> {
    all.delete(environment);
    await environment.end();
  }

  async function take(): Promise<Environment> {
    for (let last = idle.pop(); last; last = idle.pop()) {
      if (last.isFresh() && !last.hasEnded()) return last;
      await end(last);
    }
    return start();
  }

  idle.push(await start());
  return {
    async invoke(event) {
      const environment = await take();
      try {
        return await environment.invoke(event);
      } finally {
        if (environment.hasEnded()) await end(environment);
        else idle.push(environment);
      }
    },
    async close() {
      closing.abort();
      await Promise.all([...all].map(end));
    },
  };
}

/** It ends when `closing` aborts, also while it loads. */
async function startEnvironment(options: EnvironmentOptions, closing: AbortSignal): Promise<Environment> {
  if (closing.aborted) throw exited();
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./environment.${extension}`, import.meta.url), { workerData: options });
  /** When each file was changed last. */
  const files = new Map<string, number>();
  /** Why it has ended. */
  let lost: Error | undefined;
  let waiting: PromiseWithResolvers<string> | undefined;

  const lose = (error: Error) => {
    lost ??= error;
    waiting?.reject(lost);
  };
  // Even code that never gives up its thread goes on no longer.
  const end = () => {
    lose(exited());
    return worker.terminate();
  };
  closing.addEventListener('abort', end);
  worker.on('error', lose);
  worker.on('messageerror', lose);
  worker.on('exit', (code) => {
    closing.removeEventListener('abort', end);
    lose(exited(` with exit code ${code}`));
  });
  worker.on('message', (message: FromEnvironment) => {
    if (message === 'ready') waiting?.resolve('');
    else if ('loaded' in message) files.set(message.loaded, changedAt(message.loaded));
    else if ('answer' in message) waiting?.resolve(message.answer);
    else waiting?.reject(new Error(message.error));
  });

  /** What it says next, within so many milliseconds. */
  async function next(timeout: number): Promise<string> {
    if (lost) throw lost;
    waiting = Promise.withResolvers();
    return inTime(timeout, waiting.promise, end).finally(() => {
      waiting = undefined;
    });
  }

  try {
    await next(LOAD_MS);
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return {
    invoke(event) {
      const message: ToEnvironment = { event };
      worker.postMessage(message);
      return next(options.timeout);
    },
    isFresh: () => [...files].every(([file, at]) => changedAt(file) === at),
    hasEnded: () => lost !== undefined,
    end,
  };
}

function exited(how = ''): Error {
  return new Error(`Runtime exited${how}`);
}

/** -1: it is not there. */
function changedAt(file: string): number {
  return statSync(new URL(file), { throwIfNoEntry: false })?.mtimeMs ?? -1;
}
