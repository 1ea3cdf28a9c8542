import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, buildSync } from 'esbuild';
import { BUNDLES } from './bundles.ts';
import { FUNCTIONS, type FunctionName } from './routes.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Bundles the functions, unless told otherwise to where the construct finds them. The SDK is bundled as well: appends rely on how this version of it repeats requests. */
export function buildFunctions(outdir = BUNDLES): void {
  for (const name of FUNCTIONS) buildFunction(name, join(outdir, name));
}

/** Of what Lambda runs, in the functions' version of Node. */
export const BUNDLED = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  // What is imported only when it is needed lies in a file of its own: no cold start loads it.
  splitting: true,
  // The packages' ES modules: esbuild leaves out of them what is not used.
  mainFields: ['module', 'main'],
} satisfies BuildOptions;

export function buildFunction(name: FunctionName, outdir: string): void {
  buildSync({
    ...BUNDLED,
    entryPoints: [{ in: path(`../functions/${name}.ts`), out: 'index' }],
    outdir,
    minify: true,
    alias: {
      '@aws-sdk/credential-provider-node': path('../functions/credentials.ts'),
      '@smithy/core/event-streams': path('../functions/no-event-streams.ts'),
      'mnemonist/lru-cache': path('../functions/endpoint-lru.ts'),
    },
    // Some packages are still CommonJS and require Node's own modules.
    banner: { js: "import{createRequire as requireFrom}from'node:module';const require=requireFrom(import.meta.url);" },
    logLevel: 'warning',
  });
}
