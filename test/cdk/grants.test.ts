import { Stack, Token } from 'aws-cdk-lib';
import * as apigateway from 'aws-cdk-lib/aws-apigateway';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { EventLog } from '../../cdk/event-log.ts';
import type { IEventLog } from '../../cdk/event-log-base.ts';
import { systemClock } from '../../lib/clock.ts';
import { httpDoor } from '../../lib/doors/http/http-door.ts';
import { openMemory } from '../../lib/open/memory.ts';
import { type Allows, allowing, rightsOf, type Statement } from './policies.ts';
import { freshApp, synthesized } from './synthesized.ts';

/**
 * The matrix: who may ask for what the door answers. `topic` and `group` are grants for the topic or group in question; that
 * they hold for no other is tested further below.
 */
const MATRIX = `
  GET    /                                                                      admin
  GET    /health                                                                admin

  GET    /api/topics                                                            admin consume produce
  POST   /api/topics                                                            admin
  GET    /api/topics/:topic                                                     consume consumeTopic produceTopic
  PATCH  /api/topics/:topic                                                     admin
  DELETE /api/topics/:topic                                                     admin
  GET    /api/topics/:topic/events                                              consume consumeTopic
  POST   /api/topics/:topic/records                                             produce produceTopic
  GET    /api/topics/:topic/partitions/:partition/events                        consume consumeTopic
  GET    /api/topics/:topic/partitions/:partition/offsets                       admin consume consumeTopic
  GET    /api/topics/:topic/partitions/:partition/records                       consume consumeTopic
  POST   /api/topics/:topic/partitions/:partition/records                       produce produceTopic
  DELETE /api/topics/:topic/partitions/:partition/records                       admin
  POST   /api/producers                                                         produce produceTopic
  GET    /api/topics/:topic/subscriptions                                      consume consumeTopic
  PUT    /api/topics/:topic/subscriptions/:name
  DELETE /api/topics/:topic/subscriptions/:name                                admin
  GET    /api/groups                                                            admin consume
  GET    /api/groups/:group/offsets                                             admin consume group
  PUT    /api/groups/:group/offsets                                             admin consume group
  DELETE /api/groups/:group                                                     admin

  GET    /brokers                                                               admin consume
  GET    /topics                                                                admin consume produce
  GET    /topics/:topic                                                         consume consumeTopic produceTopic
  POST   /topics/:topic                                                         produce produceTopic
  GET    /topics/:topic/partitions                                              consume consumeTopic
  GET    /topics/:topic/partitions/:partition                                   consume consumeTopic
  POST   /topics/:topic/partitions/:partition                                   produce produceTopic
  GET    /topics/:topic/partitions/:partition/offsets                           consume consumeTopic
  GET    /topics/:topic/partitions/:partition/records                           consume consumeTopic

  POST   /consumers/:group                                                             consume
  DELETE /consumers/:group/instances/:instance                                         consume
  POST   /consumers/:group/instances/:instance/subscription                            consume
  GET    /consumers/:group/instances/:instance/subscription                            consume
  DELETE /consumers/:group/instances/:instance/subscription                            consume
  POST   /consumers/:group/instances/:instance/assignments                             consume
  GET    /consumers/:group/instances/:instance/assignments                             consume
  DELETE /consumers/:group/instances/:instance/assignments                             consume
  POST   /consumers/:group/instances/:instance/positions                               consume
  POST   /consumers/:group/instances/:instance/positions/beginning                     consume
  POST   /consumers/:group/instances/:instance/positions/end                           consume
  POST   /consumers/:group/instances/:instance/offsets                                 consume
  GET    /consumers/:group/instances/:instance/offsets                                 consume
  GET    /consumers/:group/instances/:instance/records                                 consume

  GET    /v3/clusters                                                           admin consume consumeTopic produce produceTopic
  GET    /v3/clusters/:cluster                                                  admin consume
  GET    /v3/clusters/:cluster/brokers                                          admin consume
  GET    /v3/clusters/:cluster/brokers/:broker                                  admin consume
  GET    /v3/clusters/:cluster/brokers/-/configs                                admin consume
  GET    /v3/clusters/:cluster/brokers/:broker/configs                          admin consume
  POST   /v3/clusters/:cluster/brokers/:broker/:action{configs:alter}
  GET    /v3/clusters/:cluster/brokers/:broker/configs/:name                    admin consume
  PUT    /v3/clusters/:cluster/brokers/:broker/configs/:name
  DELETE /v3/clusters/:cluster/brokers/:broker/configs/:name
  GET    /v3/clusters/:cluster/brokers/:broker/partition-replicas               admin consume
  GET    /v3/clusters/:cluster/broker-configs                                   admin consume
  POST   /v3/clusters/:cluster/:action{broker-configs:alter}
  GET    /v3/clusters/:cluster/broker-configs/:name                             admin consume
  PUT    /v3/clusters/:cluster/broker-configs/:name
  DELETE /v3/clusters/:cluster/broker-configs/:name
  GET    /v3/clusters/:cluster/acls                                             admin consume
  POST   /v3/clusters/:cluster/acls
  DELETE /v3/clusters/:cluster/acls
  POST   /v3/clusters/:cluster/:action{acls:batch}
  GET    /v3/clusters/:cluster/topics                                           admin consume produce
  POST   /v3/clusters/:cluster/topics                                           admin
  GET    /v3/clusters/:cluster/topics/:topic                                    admin consume consumeTopic produce produceTopic
  PATCH  /v3/clusters/:cluster/topics/:topic                                    admin
  DELETE /v3/clusters/:cluster/topics/:topic                                    admin
  POST   /v3/clusters/:cluster/topics/:topic/records                            produce produceTopic
  POST   /v3/clusters/:cluster/topics/:topic/:action{records:batch}             produce produceTopic
  POST   /v3/clusters/:cluster/topics/:topic/:action{configs:alter}             admin
  GET    /v3/clusters/:cluster/topics/-/configs                                 admin consume produce
  POST   /v3/clusters/:cluster/topics/-/:action{configs:alter}                  admin
  GET    /v3/clusters/:cluster/topics/:topic/configs                            admin consume consumeTopic produce
  GET    /v3/clusters/:cluster/topics/:topic/configs/:name                      admin consume consumeTopic produce
  PUT    /v3/clusters/:cluster/topics/:topic/configs/:name                      admin
  DELETE /v3/clusters/:cluster/topics/:topic/configs/:name                      admin
  GET    /v3/clusters/:cluster/topics/:topic/partitions                         admin consume consumeTopic produce
  GET    /v3/clusters/:cluster/topics/:topic/partitions/:partition              admin consume consumeTopic produce
  GET    /v3/clusters/:cluster/topics/:topic/partitions/:partition/offset       admin consume consumeTopic produce
  GET    /v3/clusters/:cluster/topics/:topic/partitions/:partition/replicas     admin consume consumeTopic produce
  GET    /v3/clusters/:cluster/topics/:topic/partitions/:partition/replicas/:broker  admin consume consumeTopic produce
  GET    /v3/clusters/:cluster/topics/-/partitions/-/reassignment               admin consume produce
  GET    /v3/clusters/:cluster/topics/:topic/partitions/-/reassignment          admin consume consumeTopic produce
  GET    /v3/clusters/:cluster/topics/:topic/partitions/:partition/reassignment  admin consume consumeTopic produce
  GET    /v3/clusters/:cluster/consumer-groups                                  admin consume
  GET    /v3/clusters/:cluster/consumer-groups/:group/consumers                 admin consume group
  GET    /v3/clusters/:cluster/consumer-groups/:group/consumers/:consumer       admin consume group
  GET    /v3/clusters/:cluster/consumer-groups/:group/consumers/:consumer/assignments    admin consume group
  GET    /v3/clusters/:cluster/consumer-groups/:group/consumers/:consumer/assignments/:topic/partitions/:partition  admin consume group
  GET    /v3/clusters/:cluster/consumer-groups/:group                           admin consume group
  GET    /v3/clusters/:cluster/consumer-groups/:group/lags                      admin consume group
  GET    /v3/clusters/:cluster/consumer-groups/:group/lag-summary               admin consume group
  GET    /v3/clusters/:cluster/consumer-groups/:group/lags/:topic/partitions/:partition   admin consume group
`;

const ROWS = MATRIX.split('\n')
  .map((line) => line.trim().split(/\s+/))
  .filter((words) => words.length > 1)
  .map(([method, path, ...grants]) => ({ method: method!, path: path!, grants }));

const GRANTS = ['admin', 'consume', 'consumeTopic', 'group', 'produce', 'produceTopic'] as const;
type GrantName = (typeof GRANTS)[number];

interface Params {
  topic: string;
  group: string;
  partition: string;
  cluster: string;
  name: string;
  broker: string;
  consumer: string;
}

const fill = (path: string, params: Partial<Params>) =>
  path
    .replace(/\/:action\{(.+)\}$/, '/$1')
    .replace(/\/:(topic|group|partition|cluster|name|broker|consumer)/g, (_, name: keyof Params) => `/${params[name]}`);

/** What the door serves: methods and the patterns of their paths. */
async function doorsRoutes(): Promise<string[]> {
  const log = await openMemory();
  const { routes } = httpDoor({ log, clock: systemClock });
  await log.close();
  return routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`);
}

type Granted = Record<GrantName, (method: string, path: string) => boolean>;
const ACCOUNT = 'arn:aws:execute-api:eu-central-1:111122223333';

/** A caller of each grant, for this topic and group. */
function giveAll(stack: Stack, log: IEventLog, topic: string, group: string): Record<GrantName, iam.Grant> {
  const give = (name: GrantName): iam.Grant => {
    const role = new iam.Role(stack, `${name}Caller`, { assumedBy: new iam.AccountRootPrincipal() });
    if (name === 'produceTopic' || name === 'consumeTopic') return log.grants[name](role, topic);
    return name === 'group' ? log.grants.group(role, group) : log.grants[name](role);
  };
  return Object.fromEntries(GRANTS.map((name) => [name, give(name)])) as Record<GrantName, iam.Grant>;
}

/** Whether each of them may send a request to an address. */
function granted(api: string, allows: (name: GrantName) => Allows): Granted {
  const at = (may: Allows) => (method: string, path: string) =>
    may({ action: 'execute-api:Invoke', resource: `${ACCOUNT}:${api}/${method}${path}` });
  return Object.fromEntries(GRANTS.map((name) => [name, at(allows(name))])) as Granted;
}

/** The same for a log of another stack, of which nothing has to be synthesized. */
function grantedFor(topic: string, group: string): Granted {
  const stack = new Stack(freshApp());
  const attributes = { bucketName: 'theirs', tableName: 'theirs', apiId: 'abc123', stageName: 'live' };
  const grants = giveAll(stack, EventLog.fromEventLogAttributes(stack, 'Theirs', attributes), topic, group);
  return granted('abc123/live', (name) =>
    allowing(grants[name].principalStatements.map((one) => stack.resolve(one.toStatementJson()) as Statement)),
  );
}

const CLUSTER = 'wT5Q0hZ9R7qk-2_LxYvC3g';
const [TOPIC, GROUP] = ['orders', 'billing'];
const PARAMS: Params = {
  topic: TOPIC,
  group: GROUP,
  partition: '12',
  cluster: CLUSTER,
  name: 'x',
  broker: '0',
  consumer: 'one',
};

describe('grants', () => {
  let may: Granted;
  beforeAll(() => {
    const template = synthesized({}, (log, stack) => void giveAll(stack, log, TOPIC, GROUP));
    const [api] = Object.keys(template.findResources('AWS::ApiGateway::RestApi'));
    const [stage] = Object.keys(template.findResources('AWS::ApiGateway::Stage'));
    may = granted(`${api}/${stage}`, (name) => rightsOf(template, `${name}Caller`));
  });

  it('are decided for everything that the door serves', async () => {
    expect(ROWS.map(({ method, path }) => `${method} ${path}`).sort()).toEqual((await doorsRoutes()).sort());
  });

  it.each(ROWS)('let $grants ask for $method $path, and nobody else', ({ method, path, grants }) => {
    const address = fill(path, PARAMS);

    expect(GRANTS.filter((name) => may[name](method, address))).toEqual(grants);
  });

  it('are for the path that was asked for, not for what begins or ends like it', () => {
    const others = [
      'order',
      'orders2',
      'orders.eu',
      'my-orders',
      'topics',
      'records',
      'partitions',
      'ORDERS',
      'billing',
    ];
    const opened = ROWS.filter(({ path }) => path.includes(':topic')).flatMap(({ method, path }) =>
      others.flatMap((topic) => {
        const address = fill(path, { ...PARAMS, topic, group: 'other' });
        return (['produceTopic', 'consumeTopic', 'group'] as const)
          .filter((name) => may[name](method, address))
          .map((name) => `${name} ${method} ${address}`);
      }),
    );

    expect(opened).toEqual([]);
  });

  it('open no other topic or group, whatever topics and groups are called', () => {
    // Names that paths are made of are the ones that a "*" might take for something else.
    const word = fc.oneof(
      fc.constantFrom(
        'topics',
        'partitions',
        'records',
        'configs',
        'lags',
        'offsets',
        'groups',
        'api',
        'v3',
        'clusters',
      ),
      fc.stringMatching(/^[a-z._-]{1,3}$/).filter((name) => !/^\.+$/.test(name)),
    );
    const check = fc.property(word, word, word, word, word, (topic, group, otherTopic, otherGroup, name) => {
      fc.pre(topic !== otherTopic && group !== otherGroup);
      const to = grantedFor(topic, group);
      for (const { method, path } of ROWS) {
        const address = fill(path, { ...PARAMS, topic: otherTopic, group: otherGroup, name });
        if (path.includes(':topic') && !path.includes(':group')) {
          expect([address, to.produceTopic(method, address)]).toEqual([address, false]);
          expect([address, to.consumeTopic(method, address)]).toEqual([address, false]);
        }
        if (path.includes(':group')) {
          for (const one of ['produceTopic', 'consumeTopic', 'group'] as const) {
            expect([one, address, to[one](method, address)]).toEqual([one, address, false]);
          }
        }
      }
    });
    fc.assert(check, { numRuns: 60 });
  });

  it('refuse names that would be more than themselves in an ARN', () => {
    const stack = new Stack(freshApp());
    const attributes = { bucketName: 'theirs', tableName: 'theirs', apiId: 'abc123' };
    const { grants } = EventLog.fromEventLogAttributes(stack, 'Theirs', attributes);
    const caller = new iam.Role(stack, 'Caller', { assumedBy: new iam.AccountRootPrincipal() });

    for (const name of ['*', 'orders*', 'order?', 'a/b', '..', '', '$x', 'ä', 'x'.repeat(250), Token.asString({})]) {
      expect(() => grants.produceTopic(caller, name)).toThrow(/Correct the name|known when the stack/);
      expect(() => grants.consumeTopic(caller, name)).toThrow(/Correct the name|known when the stack/);
      expect(() => grants.group(caller, name)).toThrow(/Grant consume|known when the stack/);
    }
  });

  it.each([
    ['none', /everybody may call it, or make the log with auth: 'iam'/],
    ['apiKey', /hand out its key, or make the log with auth: 'iam'/],
  ] as const)('say what to do where auth is %s', (auth, message) => {
    const grant = () =>
      synthesized({ auth }, (log, stack) => {
        log.grants.produce(new iam.Role(stack, 'Caller', { assumedBy: new iam.AccountRootPrincipal() }));
      });

    expect(grant).toThrow(message);
  });

  it('leave it to an authorizer where there is one', () => {
    const authorizer = { authorizerId: 'a1', authorizationType: apigateway.AuthorizationType.CUSTOM };
    const grant = () =>
      synthesized({ auth: authorizer }, (log, stack) => {
        log.grants.admin(new iam.Role(stack, 'Caller', { assumedBy: new iam.AccountRootPrincipal() }));
      });

    expect(grant).toThrow(/let the authorizer decide/);
  });

  it('are the same for a log of another stack', () => {
    const there = grantedFor(TOPIC, GROUP);

    for (const { method, path } of ROWS) {
      const address = fill(path, PARAMS);
      for (const name of GRANTS) {
        expect([name, address, there[name](method, address)]).toEqual([name, address, may[name](method, address)]);
      }
    }
  });
});
