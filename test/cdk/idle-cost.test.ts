import { readFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type IdleLine,
  idleLines,
  type Resource,
  type ScheduledMonth,
  sweepMonth,
  upkeepMonth,
} from '../../bench/cost/idle.ts';
import { dynoxideMissing } from '../support/dynoxide.ts';
import { subscribed, synthesized } from './synthesized.ts';

const page = readFileSync(new URL('../../docs/cost.md', import.meta.url), 'utf8');
const [, section = ''] = page.split('\n## Idle\n');
/** What the page says of each line, in dollars. */
const said = new Map(
  section
    .split('\n## ')[0]!
    .split('\n')
    .flatMap((line) => {
      const [, what, dollars] = /^\| \**`?([^|`*]+?)`?\** \| \**\$([\d.]+)\** \|/.exec(line) ?? [];
      return what && dollars ? [[what, Number(dollars)] as const] : [];
    }),
);

const resourcesOf = (template: Template) => Object.values(template.toJSON().Resources) as Resource[];
const total = (lines: readonly IdleLine[]) => lines.reduce((sum, { dollars }) => sum + dollars, 0);
const near = (dollars: number) =>
  expect.toSatisfy((one: number) => Math.abs(one - dollars) <= 0.1 * dollars, `near ${dollars}`);

describe.skipIf(dynoxideMissing !== undefined)('what a stack costs in a month in which nobody calls it', () => {
  let upkeep: ScheduledMonth;
  let byDefault: IdleLine[];
  beforeAll(async () => {
    const resources = resourcesOf(synthesized());
    const rule = resources.find(({ Type }) => Type === 'AWS::Events::Rule')!;
    expect(rule.Properties).toMatchObject({ ScheduleExpression: 'rate(1 hour)' });
    const runs = resources.find(({ Properties }) => Properties?.Description === 'Varve: upkeep')!;
    upkeep = await upkeepMonth(60, runs.Properties!.MemorySize as number);
    byDefault = idleLines(resources, { upkeep });
  }, 120_000);

  it('by default: no line above $0 that docs/cost.md does not have, and about as large', () => {
    expect(byDefault.map(({ what }) => what)).toEqual(['upkeep: function', 'upkeep: requests', 'upkeep: log']);
    for (const { what, dollars } of byDefault) expect([what, said.get(what)]).toEqual([what, near(dollars)]);
    expect(said.get('the default stack')).toEqual(near(total(byDefault)));
  });

  it('with all that may be asked for: alarms, dashboard, a key of one’s own, topics', () => {
    const resources = resourcesOf(
      synthesized(
        (stack) => ({
          auth: 'apiKey',
          alarmTopic: sns.Topic.fromTopicArn(stack, 'Pager', 'arn:aws:sns:eu-central-1:111122223333:pager'),
          dashboard: true,
          encryptionKey: new kms.Key(stack, 'Key'),
        }),
        (log) => log.addTopic('orders'),
      ),
    );

    const more = idleLines(resources, { upkeep }).filter(({ what }) => !what.startsWith('upkeep'));

    expect(
      Object.fromEntries(
        more.map(({ what, dollars }) => [what, said.get(what) === undefined ? 'not said' : dollars.toFixed(2)]),
      ),
    ).toEqual({
      'AWS::CloudWatch::Alarm': '1.50',
      'AWS::CloudWatch::Dashboard': '3.00',
      'AWS::KMS::Key': '1.00',
    });
    for (const { what, dollars } of more) expect([what, said.get(what)]).toEqual([what, near(dollars)]);
  });

  it('with a subscription: no line more than docs/cost.md has', async () => {
    const template = synthesized({}, (log, stack) => {
      log.addTopic('orders');
      subscribed(log, stack);
    });
    const resources = resourcesOf(template);
    const described = (what: string) => resources.find(({ Properties }) => Properties?.Description === what)!;
    const { ScheduleExpression } = described('Varve: wakes subscriptions that lag').Properties!;
    expect(ScheduleExpression).toBe('rate(5 minutes)');
    const sweep = await sweepMonth(5, described('Varve: notify').Properties!.MemorySize as number);

    const lines = idleLines(resources, { upkeep, sweep });

    const more = lines.filter(({ what }) => !byDefault.some((one) => one.what === what));
    expect(more.map(({ what }) => what)).toEqual([
      'sweep: function',
      'sweep: requests',
      'sweep: log',
      'AWS::Lambda::EventSourceMapping',
    ]);
    for (const { what, dollars } of more) expect([what, said.get(what)]).toEqual([what, near(dollars)]);
    expect(said.get('with subscriptions')).toEqual(near(total(lines)));
  }, 120_000);

  it('is not known for a resource that nobody looked up', () => {
    const nat = [{ Type: 'AWS::EC2::NatGateway' }];

    expect(() => idleLines(nat, { upkeep })).toThrow(/What does AWS::EC2::NatGateway cost/);
  });
});
