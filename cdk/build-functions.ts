import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { BUNDLES } from './bundles.ts';
import { FUNCTIONS } from './routes.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Bundles the functions, unless told otherwise to where the construct finds them. The SDK is bundled as well: appends rely on how this version of it repeats requests. */
export function buildFunctions(outdir = BUNDLES): void {
  buildSync({
    entryPoints: FUNCTIONS.map((name) => ({ in: path(`../functions/${name}.ts`), out: `${name}/index` })),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // The packages' ES modules: esbuild leaves out of them what is not used.
    mainFields: ['module', 'main'],
    minify: true,
    alias: {
      '@aws-sdk/credential-provider-node': path('../functions/credentials.ts'),
      '@smithy/core/event-streams': path('../functions/no-event-streams.ts'),
    },
    // Some packages are still CommonJS and require Node's own modules.
    banner: { js: "import{createRequire as requireFrom}from'node:module';const require=requireFrom(import.meta.url);" },
    logLevel: 'warning',
  });
}
