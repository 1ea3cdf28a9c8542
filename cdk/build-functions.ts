import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { FUNCTIONS } from './routes.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Where the construct finds the functions, one folder each. */
export const FUNCTIONS_FOLDER = path('../dist/functions');

/** Bundles the functions. The SDK is bundled as well: appends rely on how this version of it repeats requests. */
export function buildFunctions(): void {
  rmSync(FUNCTIONS_FOLDER, { recursive: true, force: true });
  buildSync({
    entryPoints: FUNCTIONS.map((name) => ({ in: path(`../functions/${name}.ts`), out: `${name}/index` })),
    outdir: FUNCTIONS_FOLDER,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // The packages' ES modules: esbuild leaves out of them what is not used.
    mainFields: ['module', 'main'],
    minify: true,
    keepNames: true,
    // Some packages are still CommonJS and require Node's own modules.
    banner: { js: "import{createRequire as requireFrom}from'node:module';const require=requireFrom(import.meta.url);" },
    logLevel: 'warning',
  });
}
