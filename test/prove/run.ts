/**
 * `npm run prove -- NAME|all [--size small|full] [--seed N]`: an issue's demonstration at its full size (the default); CI runs the
 * same code at the small one. Prints figures and a PASS or FAIL for each claim; exits with 1 when one fails.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Proof, Trial } from './trial.ts';

/** In the order in which `all` runs them. */
const PROOFS: Record<string, () => Promise<{ prove: Proof }>> = {
  flights: () => import('./flights.ts'),
  kill: () => import('./kill.ts'),
  'fsync-trace': () => import('./fsync-trace.ts'),
  volume: () => import('./volume.ts'),
  topics: () => import('./topics.ts'),
  bundles: () => import('./bundles.ts'),
