import type { Counts } from '../aws/meter.ts';
import { bill } from './bill.ts';
import { inLaboratory } from './cases.ts';
import { BATCHES, type Gateway, measureGateway, RECORDS } from './gateway.ts';
import { HOURS_A_MONTH } from './prices.ts';
import { count, fixed, type Goal, money, type Table } from './report.ts';

/** The issue's; a tenth of it costs a tenth, and is what the tests count. */
export const FULL_GATEWAY = { idle: 1_000, busy: 64 };
export const SMALL_GATEWAY = { idle: 100, busy: 8 };

/** What a gateway asks for in a second, and what that costs. */
export async function gatewayReport({
  idle,
  busy,
}: {
  idle: number;
  busy: number;
}): Promise<{ table: Table; goals: Goal[] }> {
  const sizes = { idle, busy };
  const what = `${count(idle)} idle`;
  const gateways: (Gateway & { what: string })[] = [
    // As long as it takes until each head was read strongly consistently once.
    { ...sizes, what, appends: 'none', seconds: 60 },
    { ...sizes, what: `${what}, ${busy} busy: appended by the gateway`, appends: 'gateway', seconds: 5 },
    { ...sizes, what: `${what}, ${busy} busy: appended by functions`, appends: 'functions', seconds: 5 },
  ];
  const measured: (Gateway & { what: string; counts: Counts })[] = [];
  for (const one of gateways) {
    measured.push({ ...one, counts: await inLaboratory((laboratory) => measureGateway(laboratory, one)) });
  }
  const seconds = measured.map(({ counts, seconds }) => bill(counts, seconds));
  const [waiting, appending] = seconds;
  const more = appending!.readUnits - waiting!.readUnits;
  return {
    table: {
      title: `A gateway, a second: partitions with waiting consumers; busy ones get ${BATCHES} batches of ${RECORDS} x 1 KB each`,
      head: [
        'partitions',
        'S3 puts',
        'S3 gets',
        'DynamoDB requests',
        'read units',
        'write units',
        '$ an hour',
        '$ a month',
      ],
      rows: seconds.map((one, i) => {
        const hour = one.dollars * 3600;
        const figures = [one.puts, one.gets, one.dynamodbRequests, one.readUnits, one.writeUnits].map(fixed);
        return [measured[i]!.what, ...figures, money(hour), money(hour * HOURS_A_MONTH)];
      }),
    },
    goals: [
      {
        what: 'an idle partition that is waited for: half a read unit a second and 5% at most; all groups together: one write unit at most',
        seen: `${fixed(waiting!.readUnits / idle)} read units each, ${fixed(waiting!.writeUnits)} write units`,
        met: waiting!.readUnits <= idle * 0.5 * 1.05 && waiting!.writeUnits <= 1,
      },
      {
        what: 'busy partitions do not make idle ones beside them cost more: half a read unit a second at most for each busy one',
        seen: `${fixed(more)} read units for ${busy}`,
        met: more <= busy * 0.5,
      },
    ],
  };
}
