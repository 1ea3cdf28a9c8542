/**
 * `npm run demo [-- --url http://127.0.0.1:8080 --rate 5 --port 5173]`: orders, the processors of examples/streams and the dashboard,
 * over the log of `npm start`, until Ctrl+C.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runDemo } from './run-demo.ts';

const HISTORY = 5 * 60_000;

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: process.env.VARVE_URL ?? 'http://127.0.0.1:8080' },
    rate: { type: 'string', default: '5' },
    port: { type: 'string', default: '5173' },
  },
});
const demo = await runDemo({
  url: values.url,
  rate: Number(values.rate),
  history: HISTORY,
  port: Number(values.port),
  folder: fileURLToPath(new URL('../../dist/dashboard', import.meta.url)),
});
console.log(`Dashboard  ${demo.url}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => demo.close());
