import { pino } from 'pino';
import { expect, test } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { joinGroup } from '../../../lib/doors/kafka/apis/join-group.ts';
import { numberOf } from '../../../lib/doors/kafka/failures.ts';
import { startKafkaGateway } from '../../../lib/doors/kafka/gateway.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import { openMemory } from '../../../lib/open/memory.ts';
import { travelClock } from '../../support/clock.ts';
import { poll } from '../../support/poll.ts';
import { connectRaw } from './gateway.ts';

test('of two gateways with one node.id, the one that loses its groups says so', async () => {
  const clock = travelClock();
  const log = await openMemory({ clock });
  const lines: string[] = [];
  const start = () =>
    startKafkaGateway({
      log,
      clock: systemClock,
      random: systemRandom,
      logger: pino({ level: 'warn' }, { write: (line) => lines.push(line) }),
      config: parseBrokerConfig(['node.id=4', 'group.initial.rebalance.delay.ms=0']),
      host: '127.0.0.1',
      port: 0,
    });
  const gateways = [await start(), await start()] as const;
  const [one, other] = [await connectRaw(gateways[0].port), await connectRaw(gateways[1].port)];
  const request = {
    groupId: 'g',
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: new Uint8Array(0) }],
  };
  expect((await one.call(joinGroup, 3, request)).errorCode).toBe(0);
  expect((await other.call(joinGroup, 3, request)).errorCode).toBe(0);

  clock.advance(3_400);
  await poll('the warning', 10_000, () => lines.length > 0 || undefined);

  const refused = await one.call(joinGroup, 3, request);
  expect(refused.errorCode).toBe(numberOf('COORDINATOR_NOT_AVAILABLE'));
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({ nodeId: 4, msg: expect.stringContaining('--config node.id=') });
  for (const client of [one, other]) client.end();
  await Promise.all(gateways.map((gateway) => gateway.close(1_000)));
  await log.close();
});
