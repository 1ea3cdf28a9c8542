import { apiOf } from '../support/api.ts';
import { startServer } from '../support/server.ts';
import { count, millis, type Proof } from './trial.ts';

const SIDE_BY_SIDE = 16;
const CREATE_WITHIN_MS = 60_000;
const RESTART_WITHIN_MS = 2000;

/** Many topics, created over HTTP, and a restart that does not feel them: of a server stopped, and of one killed. */
export const prove: Proof = async ({ size, folder, figure, claim }) => {
  const topics = size === 'full' ? 10_000 : 500;
  let server = await startServer(folder);
  const begun = performance.now();
  let next = 0;
  const creator = async () => {
    while (next < topics) await apiOf(server.url).createTopic(nameOf(next++), 1);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, creator));
  const created = performance.now() - begun;
  figure('created', `${count(topics)} topics in ${millis(created)}, ${count(Math.round((topics * 1000) / created))}/s`);
  claim(`${count(topics)} topics within ${CREATE_WITHIN_MS / 1000} s`, created < CREATE_WITHIN_MS, millis(created));

  for (const [how, end] of [
    ['a clean stop', () => server.stop()],
    ['a kill', () => server.kill()],
  ] as const) {
    await end();
    server = await startServer(folder);
    claim(
      `healthy within ${RESTART_WITHIN_MS / 1000} s after ${how}`,
      server.startedIn < RESTART_WITHIN_MS,
      millis(server.startedIn),
    );
    const last = nameOf(topics - 1);
    const [answer] = await apiOf(server.url).append(last, [{ value: how }], { partition: 0 });
    claim(`a topic takes records at once after ${how}`, answer !== undefined, `${last} at offset ${answer?.offset}`);
  }
  await server.stop();
};

const nameOf = (number: number) => `topic-${String(number).padStart(5, '0')}`;
