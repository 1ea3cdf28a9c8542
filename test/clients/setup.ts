import { goClients } from './go.ts';
import { java } from './java.ts';
import { python } from './python.ts';

/** Vitest calls it once, before any test: what is fetched or compiled is there before files that run side by side ask for it. */
export default async function fetchClients(): Promise<void> {
  await Promise.all([python(), goClients(), java()]);
}
