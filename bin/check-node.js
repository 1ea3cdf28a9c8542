// Plain JavaScript for any Node with modules: run before npm scripts that need a newer one.
import { realpathSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** Ends the process with one line that says what to install, when this Node is too old. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return;
  console.error(`Varve needs Node 22.18 or newer; this is ${process.versions.node}. Install Node 24 from nodejs.org.`);
  process.exit(1);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) requireNode();
