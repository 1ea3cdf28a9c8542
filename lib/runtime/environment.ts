/** A worker thread that holds a module's handler and runs one invocation at a time. */
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { EnvironmentOptions, FromEnvironment, ToEnvironment } from './environments.ts';
import { invoke, type LambdaFunction } from './handler.ts';

const port = parentPort;
if (!port) throw new Error('This file is run as a worker thread by openEnvironments.');
const post = (message: FromEnvironment) => port.postMessage(message);

const { module, ...settings } = workerData as EnvironmentOptions;

// What the module is made of: when one of these files changes, so does the function.
registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) post({ loaded: url });
    return next(url, context);
  },
});

const exported = (await import(module)) as Partial<LambdaFunction> & { default?: Partial<LambdaFunction> };
// Of a CommonJS module the exports may be known by the default alone.
const handler = exported.handler ?? exported.default?.handler;
if (typeof handler !== 'function') throw new TypeError('The module exports no function called handler.');

port.on('message', async ({ event }: ToEnvironment) => {
  const outcome = await invoke({ handler }, event, settings).then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error }),
  );
  // What it printed comes first.
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
  post('answer' in outcome ? outcome : { error: said(outcome.error) });
});
post('ready');

/** As it stands in a log: an error may hold what cannot be sent to another thread. */
function said(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
}
