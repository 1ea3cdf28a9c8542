/**
 * `npm run build`: makes dist/ what is published, as `npm pack ./dist` does it: JavaScript and types, the functions bundled ready for
 * Lambda, a manifest. A clone needs none of it, but for the functions, which the stack builds itself.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFunctions } from '../cdk/build-functions.ts';
import { type Manifest, published } from './manifest.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = join(root, 'dist');
/** Of functions what the constructs import; their bundles are added. */
const COMPILED = ['bin', 'cdk', 'functions', 'lib'];
/** A module's name as it stands in an import, an export or an import() of the compiler's output. */
const SPECIFIER = /(?<=^(?:import|export|\})(?:[^'"\n]*\bfrom)? ?['"]|\bimport\(['"])[^'"\n]+(?=['"])/gm;

// What deploys leave in dist is not the package's, and stays.
for (const folder of COMPILED) rmSync(join(dist, folder), { recursive: true, force: true });
compile();
const imported = new Set(COMPILED.flatMap((folder) => finish(join(dist, folder))));
buildFunctions();
for (const file of ['README.md', 'LICENSE']) copyFileSync(join(root, file), join(dist, file));
const manifest = published(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest, imported);
writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

function compile(): void {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
}

/**
 * Answers the packages that the compiled files of a folder import. In declarations the compiler leaves `./x.ts` as it is, which not
 * every tool can follow: they get `./x.js`, as JavaScript has it.
 */
function finish(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(js|d\.ts)$/.test(file))
    .flatMap((file) => {
      const path = join(folder, file);
      const text = readFileSync(path, 'utf8');
      if (file.endsWith('.d.ts')) {
        writeFileSync(
          path,
          text.replaceAll(SPECIFIER, (name) => name.replace(/^(\..*)\.ts$/, '$1.js')),
        );
      }
      return [...text.matchAll(SPECIFIER)].map(([name]) => name);
    })
    .filter((name) => !name.startsWith('.') && !isBuiltin(name))
    .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
}
