import type { Context } from 'hono';
import { json } from './answers.ts';
import type { Door } from './door.ts';

/** Milliseconds within which the catalog has to answer. */
const PATIENCE = 2_000;

/** 200 while the process takes requests and its catalog answers, else 503. */
export async function health(c: Context, door: Door): Promise<Response> {
  const { log, clock } = door;
  let cancel = () => {};
  const late = new Promise<false>((resolve) => {
    cancel = clock.schedule(PATIENCE, () => resolve(false));
  });
  const answers = log.topics.list({ limit: 1 }).then(
    () => true,
    () => false,
  );
  const well = !door.stopping.aborted && (await Promise.race([answers, late]));
  cancel();
  return json(c, { status: well ? 'ok' : 'unavailable', cluster_id: log.clusterId }, well ? 200 : 503);
}
