import { test } from 'vitest';
import { describeClients } from './contract.ts';
import { goClients } from './go.ts';
import { java, javaClient } from './java.ts';
import { JAVASCRIPT } from './javascript.ts';
import type { Client } from './program.ts';
import { python, pythonClients } from './python.ts';

/** Set by `npm run prove -- clients`: all clients, read by all, with all they can do. */
const isFull = process.env.VARVE_CLIENTS === 'full';

const [py, go, jvm] = await Promise.all([python(), goClients(), java()]);
const clients: Client[] = [];
if ('ok' in py) clients.push(...pythonClients(py.ok));
if ('ok' in go) clients.push(...go.ok);
if ('ok' in jvm) clients.push(javaClient(jvm.ok));
for (const one of [py, go, jvm]) if ('unavailable' in one) test.skip(one.unavailable);
// Otherwise `npm test` has run these two.
if (isFull) clients.push(...JAVASCRIPT);

describeClients(clients, { readers: clients, isFull });
