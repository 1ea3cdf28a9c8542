import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { gatewayReport, SMALL_GATEWAY } from '../../bench/cost/gateway-report.ts';
import { type CostReport, costReport, markdown } from '../../bench/cost/report.ts';
import { dynoxideMissing } from '../support/dynoxide.ts';

const page = readFileSync(new URL('../../docs/cost.md', import.meta.url), 'utf8');
const NUMBER = /\d[\d,]*(?:\.\d+)?/g;

/** How far a figure of the page may be from one just counted; roll, poll and list counts vary a little. */
const isNear = (a: number, b: number) => Math.abs(a - b) <= Math.max(0.011, 0.1 * Math.max(a, b));

it('is quoted by the README as docs/cost.md has it', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, section = ''] = readme.split('### What it costs\n');
  const rows = section
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('|'));

  expect(rows.length).toBeGreaterThan(3);
  for (const row of rows) expect(page.split('\n')).toContain(row);
});

describe.skipIf(dynoxideMissing !== undefined)('what a log costs', () => {
  let report: CostReport;
  beforeAll(async () => {
    report = await costReport();
  }, 600_000);

  it('meets its goals', () => {
    expect(report.goals.filter(({ met }) => !met)).toEqual([]);
  });

  it('is no more for a gateway than its goals, at a tenth of their size', async () => {
    const { goals } = await gatewayReport(SMALL_GATEWAY);

    expect(goals.filter(({ met }) => !met)).toEqual([]);
  }, 300_000);

  it('is what docs/cost.md says', () => {
    for (const table of report.tables) {
      const counted = markdown(table).split('\n');
      const begin = page.indexOf(counted[0]!);
      expect(begin, `docs/cost.md has the table "${table.title}"`).toBeGreaterThanOrEqual(0);
      const said = page.slice(begin).split('\n', counted.length);
      for (const [i, line] of counted.entries()) {
        expect(said[i]!.replace(NUMBER, '0'), line).toBe(line.replace(NUMBER, '0'));
        const [ours, theirs] = [line, said[i]!].map((text) => (text.match(NUMBER) ?? []).map(toNumber));
        const apart = ours!.filter((value, n) => !isNear(value, theirs![n]!));
        expect(
          apart,
          `${said[i]}\nis now\n${line}\nrun \`npm run bench -- cost\` and bring docs/cost.md up to date`,
        ).toEqual([]);
      }
    }
  });
});

const toNumber = (text: string) => Number(text.replaceAll(',', ''));
