#!/usr/bin/env node
// Plain JavaScript for any Node: an older one cannot read the TypeScript behind it, and should say so in one line.
import { requireNode } from './check-node.js';

requireNode();
const { main } = await import('../lib/doors/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
