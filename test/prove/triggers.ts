import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from '../../bench/figures.ts';
import { deployTrials, type Trials } from '../functions/delivery/trials.ts';
import { type Load, trigger } from '../functions/delivery/triggers.ts';
import { localstackMissing } from '../support/localstack.ts';
import { requestsDuring } from '../support/localstack-log.ts';
import { count, millis, type Proof } from './trial.ts';

/** To `orders` as fast as they are taken; to `grows` so few that none waits for another. */
const LOADS: Record<'full' | 'small', Record<string, Load>> = {
  full: {
    orders: { records: 100_000, callers: 4, batch: 500, pause: 0 },
    grows: { records: 200, callers: 1, batch: 1, pause: 250 },
  },
  small: {
    orders: { records: 1_000, callers: 2, batch: 50, pause: 0 },
    grows: { records: 20, callers: 1, batch: 1, pause: 250 },
  },
};
const SILENCE_MS = { full: 60_000, small: 5_000 };
/** What the last runs still write, and the stream still brings. */
const SETTLED_MS = 5_000;

/**
 * Records through API Gateway reach a function, deployed by the CDK; and then nothing comes. It needs a LocalStack that runs, and
 * to which `npm run deploy:localstack` has deployed before.
 */
export const prove: Proof = async ({ size, figure, claim, skip }) => {
  const missing = await localstackMissing();
  if (missing !== undefined) return skip(missing);
  await using trials: Trials = await deployTrials();
  for (const [topic, load] of Object.entries(LOADS[size])) {
    const { partitions } = await trials.log.topics.describe(topic);
    const { wrong, invocations, again, appended, delivered, latencies } = await trigger(trials, topic, load);
    const what = `${count(load.records)} records over ${partitions} partitions`;
    claim(
      `${what}: every record, in order per partition, again only where a retry says so`,
      wrong.length === 0,
      wrong[0],
    );
    figure('acknowledged', `in ${millis(appended)}, ${count(Math.round((load.records * 1000) / appended))} records/s`);
    figure('delivered and committed', `in ${millis(delivered)}, by ${count(invocations)} invocations`);
    figure('records that came again', count(again));
    for (const q of [0.5, 0.99]) figure(`acknowledged to invoked, p${q * 100}`, millis(quantile(latencies, q)));
  }

  await delay(SETTLED_MS);
  const runs = (await trials.runs()).length;
  const asked = await requestsDuring(() => delay(SILENCE_MS[size]));
  const after = (await trials.runs()).length;
  const requests = [...asked].map(([operation, times]) => `${operation} ${times}`).join(', ');
  figure(`asked for in ${millis(SILENCE_MS[size])} in which nothing comes`, requests || 'nothing');
  claim(
    'while nothing comes, nothing is delivered and nothing is invoked',
    after === runs && !asked.has('sqs.SendMessage') && !asked.has('lambda.Invoke'),
  );
};
