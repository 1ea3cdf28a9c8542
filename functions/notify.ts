/** Changes of heads, from the table's stream; and, by a schedule, what lags though nobody said so. */
import type { Queue } from '../lib/log/delivery/ports.ts';
import { kept, logOf, queueOf } from './environment.ts';
import { writeLags } from './lag-metric.ts';
import { openWaking } from './waking.ts';

/** https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html. The event source mapping lets through heads alone. */
interface StreamEvent {
  Records?: { dynamodb?: { Keys?: { pk?: { S?: string }; sk?: { S?: string } } } }[];
}

export const handler = notifyFunction();

export function notifyFunction(env: NodeJS.ProcessEnv = process.env, queue?: Queue) {
  const { table } = logOf(env);
  if (!queue) queueOf(env);
  const opened = kept(() => openWaking(env, queue));

  return async (event: StreamEvent): Promise<{ sent: number }> => {
    const { delivery } = await opened();
    if (!event.Records) {
      const { sent, lags } = await delivery.sweep();
      writeLags(table, lags);
      return { sent };
    }
    const changed = event.Records.flatMap(({ dynamodb }) => {
      const { pk, sk } = dynamodb?.Keys ?? {};
      const [, topicId, partition] = /^partition#([^#]+)#(\d+)$/.exec(pk?.S ?? '') ?? [];
      return sk?.S === 'head' && topicId ? [{ topicId, partition: Number(partition) }] : [];
    });
    return { sent: changed.length === 0 ? 0 : await delivery.wake(changed) };
  };
}
