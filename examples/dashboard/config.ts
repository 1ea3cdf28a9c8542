import { fileURLToPath } from 'node:url';
import type { InlineConfig } from 'vite';

export interface DashboardOptions {
  /** Of the log: a server's, or an API's with its stage. */
  url: string;
  /** What an API asks for that was made with `auth: 'apiKey'`. */
  apiKey?: string;
}

/**
 * The page asks the server that it comes from, which passes `/api` on to the log: so the log needs to know of no web pages, and the
 * key of an API is never in the page.
 */
export function dashboardConfig({ url, apiKey }: DashboardOptions): InlineConfig {
  const { origin, pathname } = new URL(url);
  const stage = pathname.replace(/\/$/, '');
  const api = {
    target: origin,
    changeOrigin: true,
    rewrite: (path: string) => stage + path,
    ...(apiKey !== undefined && { headers: { 'x-api-key': apiKey } }),
  };
  const served = { host: '127.0.0.1', proxy: { '/api': api } };
  return {
    root: fileURLToPath(new URL('.', import.meta.url)),
    define: { 'import.meta.env.VARVE_URL': JSON.stringify(url) },
    server: served,
    preview: served,
    build: { outDir: fileURLToPath(new URL('../../dist/dashboard', import.meta.url)), emptyOutDir: true },
  };
}
