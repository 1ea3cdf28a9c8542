import { fileURLToPath } from 'node:url';

/** Where the functions' bundles lie: below `dist` in a clone, where build-functions.ts puts them; beside this folder once published. */
export const BUNDLES = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../dist/functions' : '../functions', import.meta.url),
);
