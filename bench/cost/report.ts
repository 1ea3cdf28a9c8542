import { type Counts, sum } from '../aws/meter.ts';
import { bill } from './bill.ts';
import {
  inLaboratory,
  type Measured,
  measure,
  measureCold,
  measureFollowing,
  upkeepAlone,
  WARM_CALLS,
  type Writes,
} from './cases.ts';
import { deliveryTable } from './delivery.ts';
import { GB, HOURS_A_MONTH, PEERS, PRICES } from './prices.ts';

/** A table as it is printed, and as docs/cost.md has it. */
export interface Table {
  title: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

export interface Goal {
  what: string;
  seen: string;
  met: boolean;
}

export interface CostReport {
  /** The engines that were measured. */
  engines: string;
  tables: Table[];
  goals: Goal[];
}

/** A second's calls where figures are not a month's: APPEND.md's were taken at 20 to 60. */
const PER_SECOND = 20;
const CALLS = 108;
const FEW_CALLS = 54;
const TAIL_CALLS = 10;
const RECORD = 1024;

interface Case {
  name: string;
  writes: Writes;
  /** APPEND.md section 8: units a call, a put being 8. */
  foreseen: string;
}

const at20 = (records: number, bytes: number, calls: number): Writes => ({
  records,
  bytes,
  perSecond: PER_SECOND,
  calls,
  tailCalls: TAIL_CALLS,
});

const CASES: readonly Case[] = [
  { name: '1 x 100 B', writes: at20(1, 100, CALLS), foreseen: '1.4 to 1.7, inline' },
  { name: '1 x 1 KB', writes: at20(1, RECORD, CALLS), foreseen: '3.15, chunk' },
  { name: '100 x 1 KB', writes: at20(100, RECORD, CALLS), foreseen: '9.15, S3' },
  { name: '1,000 x 1 KB', writes: at20(1000, RECORD, FEW_CALLS), foreseen: '9.15, S3' },
];

/** GB of records of 1 KB a month, and how many a call. */
const MONTHS = [
  { gb: 1, records: 1 },
  { gb: 30, records: 100 },
  { gb: 300, records: 100 },
  { gb: 3000, records: 1000 },
] as const;

/** Retention's default, in months. */
const KEPT = 7 / (HOURS_A_MONTH / 24);
const SWEEPS = HOURS_A_MONTH / 6;
/** Prefixes under which segments lie: a sweep lists each of them. */
const PREFIXES = 256;
const LIST_PAGE = 1000;
/** What a function is billed for a produce call, on the safe side of `npm run bench -- latency`; the stack gives it 1 GB. */
const PRODUCE_SECONDS = 0.1;
/** HTTP APIs bill each 512 KB begun; bytes travel in base64. */
const HTTP_API_STEP = 512 * 1024;
/** CloudWatch: a metric and month, and a GB of logs; a call writes about 0.9 KB, Lambda's own lines included. */
const METRIC = 0.3;
const METRICS = 7;
const LOG_GB = 0.5;
const LOG_BYTES = 900;

export async function costReport(): Promise<CostReport> {
  const cases: Named[] = [];
  for (const { name, writes, foreseen } of CASES) {
    cases.push({ name, foreseen, measured: await inLaboratory((laboratory) => measure(laboratory, writes)) });
  }
  const months: Month[] = [];
  for (const { gb, records } of MONTHS) {
    const calls = (gb * GB) / RECORD / records;
    const perSecond = calls / HOURS_A_MONTH / 3600;
    const writes = { records, bytes: RECORD, perSecond, calls: FEW_CALLS, tailCalls: TAIL_CALLS };
    months.push({ gb, records, calls, measured: await inLaboratory((laboratory) => measure(laboratory, writes)) });
  }
  const { engines, following, cold, upkeep } = await inLaboratory(async (laboratory) => ({
    engines: laboratory.engines.names,
    following: await measureFollowing(laboratory, 60),
    cold: await measureCold(laboratory),
    upkeep: await upkeepAlone(laboratory),
  }));
  return {
    engines,
    tables: [
      appendTable(cases),
      readTable(cases, following, cold),
      await deliveryTable(),
      monthTable(months, following, upkeep),
    ],
    goals: goals(cases, months),
  };
}

type Named = { name: string; foreseen: string; measured: Measured };

/** Those that were not counted included. */
const allCalls = ({ calls, tailCalls }: Writes) => WARM_CALLS + calls + tailCalls;

const gbOf = ({ records, bytes, calls }: Writes) => (records * bytes * calls) / GB;

function appendTable(cases: readonly Named[]): Table {
  return {
    title: 'Appends, by calls to one partition, 20 a second',
    head: [
      'a call of',
      'S3 puts',
      'DynamoDB requests',
      'write units',
      'read units',
      'all in write units (a put is 8)',
      'foreseen (APPEND.md)',
      '$ per 1,000 records',
      '$ per GB',
      '30 GB',
      'deleting 30 GB',
    ],
    rows: cases.map(({ name, foreseen, measured: { writes, append, deletion } }) => {
      const one = bill(append, writes.calls);
      const gb = bill(append).dollars / gbOf(writes);
      return [
        name,
        fixed(one.puts),
        fixed(one.dynamodbRequests),
        fixed(one.writeUnits),
        fixed(one.readUnits),
        fixed((one.puts * PRICES.s3Put) / PRICES.writeUnit + one.writeUnits),
        foreseen,
        money((one.dollars * 1000) / writes.records),
        money(gb),
        money(gb * 30),
        money(deletionPerGb({ writes, deletion }) * 30),
      ];
    }),
  };
}

/** Of all that the case appended, the calls that only the reader was counted for included. */
function deletionPerGb({ writes, deletion }: Pick<Measured, 'writes' | 'deletion'>): number {
  return bill(deletion).dollars / gbOf({ ...writes, calls: allCalls(writes) });
}

function readTable(cases: readonly Named[], following: Counts, cold: Counts): Table {
  const row = (what: string, counts: Counts, per: number, gb?: number) => {
    const one = bill(counts, per);
    const dollars = gb === undefined ? '' : money(bill(counts).dollars / gb);
    return [what, fixed(one.gets), fixed(one.dynamodbRequests), fixed(one.readUnits), fixed(one.writeUnits), dollars];
  };
  return {
    title: 'Reads',
    head: ['', 'S3 gets', 'DynamoDB requests', 'read units', 'write units', '$ per GB'],
    rows: [
      ...cases.flatMap(({ name, measured: { writes, tail, cold: all } }) => {
        const appended = allCalls(writes);
        return [
          row(
            `${name}: each call's records as they arrive, a call`,
            tail,
            writes.tailCalls,
            gbOf({ ...writes, calls: writes.tailCalls }),
          ),
          row(`${name}: all of it by a new process, a call`, all, appended, gbOf({ ...writes, calls: appended })),
        ];
      }),
      row('following a partition that is idle, a minute', following, 1),
      row("a new process: its first append of 1 B, a function's cold start", cold, 1),
    ],
  };
}

interface Month {
  gb: number;
  records: number;
  calls: number;
  measured: Measured;
}

/** Dollars of a month, line by line. */
function monthOf({ gb, records, calls, measured }: Month, following: Counts, upkeep: Counts) {
  const { writes, append, tail, deletion } = measured;
  const perCall = bill(append, writes.calls);
  const inS3 = perCall.puts > 0;
  const entries = perCall.puts > 0 && records > 999 ? 2 : 1;
  const kept = calls * KEPT;
  const tableBytes = kept * (40 * entries + (inS3 ? 0 : records * (RECORD + 200)));
  const lists = inS3 ? Math.min(PREFIXES, kept) + kept / LIST_PAGE : 1;
  const sweeps = SWEEPS * (bill(upkeep).dollars + lists * PRICES.s3List + ((kept * entries) / 27) * PRICES.readUnit);
  const minutes = HOURS_A_MONTH * 60;
  const bodies = Math.ceil((records * RECORD * 4) / 3 / HTTP_API_STEP);
  return {
    append: perCall.dollars * calls,
    deletion: deletionPerGb({ writes, deletion }) * gb + sweeps,
    storage:
      (inS3 ? gb * KEPT * PRICES.s3Storage : 0) +
      (tableBytes / GB) * (PRICES.tableStorage + PRICES.pointInTimeRecovery),
    read: bill(tail, writes.tailCalls).dollars * calls + bill(following).dollars * minutes,
    lambda: calls * (PRICES.lambdaCall + PRODUCE_SECONDS * PRICES.lambdaGbSecond),
    restApi: calls * PRICES.restApi,
    httpApi: calls * bodies * PRICES.httpApi,
    cloudWatch: METRICS * METRIC + ((calls * LOG_BYTES) / GB) * LOG_GB,
  };
}

function monthTable(months: readonly Month[], following: Counts, upkeep: Counts): Table {
  const all = months.map((month) => ({ ...month, dollars: monthOf(month, following, upkeep) }));
  type Line = keyof (typeof all)[number]['dollars'];
  const line = (what: string, of: Line) => [what, ...all.map(({ dollars }) => money(dollars[of]))];
  const log: Line[] = ['append', 'deletion', 'storage', 'read'];
  return {
    title: 'A month',
    head: ['', ...all.map(({ gb, records }) => `${count(gb)} GB, ${count(records)} a call`)],
    rows: [
      ['calls', ...all.map(({ calls }) => count(Math.round(calls)))],
      line('appended', 'append'),
      line('deleted after 7 days, sweeps included', 'deletion'),
      line('kept for 7 days, with point-in-time recovery', 'storage'),
      line('read once by one process that follows', 'read'),
      ['**the log**', ...all.map(({ dollars }) => `**${money(log.reduce((total, of) => total + dollars[of], 0))}**`)],
      line('produce function', 'lambda'),
      line('REST API', 'restApi'),
      line('or HTTP API', 'httpApi'),
      line('logs and metrics of the function', 'cloudWatch'),
      ...PEERS.map(({ name, idle, perGb, storage }) => [
        `beside: ${name}`,
        ...all.map(({ gb }) => money(idle + gb * perGb + gb * KEPT * storage)),
      ]),
    ],
  };
}

function goals(cases: readonly Named[], months: readonly Month[]): Goal[] {
  const { calls, measured } = months.find(({ gb }) => gb === 30)!;
  const written = bill(measured.append, measured.writes.calls).dollars * calls;
  const pointers = cases.filter(({ measured: { append } }) => bill(append).puts > 0);
  const requests = pointers.map(({ name, measured: { writes, append } }) => ({
    name,
    // Where records make two batches, there are two entries and one commit.
    each: sum(append, ({ service, requests }) => (service === 'dynamodb' ? requests : 0)) / writes.calls,
  }));
  return [
    {
      what: '30 GB a month of records of 1 KB, 100 a call: $3 or less on the write side',
      seen: money(written),
      met: written <= 3,
    },
    {
      what: '1.2 DynamoDB requests or fewer an append that points into S3, rolls included, 20 a second',
      seen: requests.map(({ name, each }) => `${name} ${each.toFixed(2)}`).join(', '),
      met: requests.every(({ each }) => each <= 1.2),
    },
  ];
}

export const count = (value: number) => value.toLocaleString('en-US');
export const fixed = (value: number) => (value === 0 ? '0' : value.toFixed(2));

export function money(dollars: number): string {
  if (dollars >= 100) return `$${count(Math.round(dollars))}`;
  return `$${dollars >= 0.1 || dollars < 0.000001 ? dollars.toFixed(2) : dollars.toPrecision(2)}`;
}

export function markdown({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
