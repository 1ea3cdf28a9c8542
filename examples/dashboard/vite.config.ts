import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/**
 * The dashboard over the log at VARVE_URL, `npm start`'s by default. The page asks its own server, which passes `/api` on: so the log
 * needs to know no web pages, and an API's key (VARVE_API_KEY) stays here.
 */
export default defineConfig(() => {
  const { VARVE_URL = 'http://127.0.0.1:8080', VARVE_API_KEY: key } = process.env;
  const { origin, pathname } = new URL(VARVE_URL);
  const api = {
    target: origin,
    changeOrigin: true,
    rewrite: (path: string) => pathname.replace(/\/$/, '') + path,
    ...(key !== undefined && { headers: { 'x-api-key': key } }),
  };
  const served = { host: '127.0.0.1', proxy: { '/api': api } };
  return {
    root: fileURLToPath(new URL('.', import.meta.url)),
    define: { 'import.meta.env.VARVE_URL': JSON.stringify(VARVE_URL) },
    server: served,
    preview: served,
    build: { outDir: fileURLToPath(new URL('../../dist/dashboard', import.meta.url)), emptyOutDir: true },
  };
});
