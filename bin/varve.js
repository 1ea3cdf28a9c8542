#!/usr/bin/env node
// Plain JavaScript for any Node: an older one cannot read the TypeScript behind it, and should say so in one line.
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { requireNode } from './check-node.js';

requireNode();
// Halves the time to start. Not in the shared temporary folder, which is Node's default; where it cannot write it does nothing.
module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/varve', import.meta.url)));
const { main } = await import('../lib/doors/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
