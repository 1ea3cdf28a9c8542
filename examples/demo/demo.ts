/**
 * `npm run demo [-- --url http://127.0.0.1:8080 --rate 5 --port 5173]`: orders, the processors of examples/streams and the dashboard,
 * until Ctrl+C; over the log of the server at the URL, else over one of its own, which is gone in the end.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startVarve } from 'varve/testing';
import { runDemo } from './run-demo.ts';

const HISTORY = 5 * 60_000;

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    rate: { type: 'string', default: '5' },
    port: { type: 'string', default: '5173' },
  },
});
const own = values.url === undefined ? await startVarve() : undefined;
const demo = await runDemo({
  url: values.url ?? own!.url,
  rate: Number(values.rate),
  history: HISTORY,
  port: Number(values.port),
  folder: fileURLToPath(new URL('../../dist/dashboard', import.meta.url)),
});
console.log(`Dashboard  ${demo.url}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await demo.close();
    await own?.close();
  });
}
