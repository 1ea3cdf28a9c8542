import { Stack } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import * as apigateway from 'aws-cdk-lib/aws-apigateway';
import { HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { beforeAll, describe, expect, it } from 'vitest';
import { EventLog } from '../../cdk/event-log.ts';
import { ROUTES } from '../../cdk/routes.ts';
import { resolved, rightsOf } from './policies.ts';
import { synthesized } from './synthesized.ts';

const propertiesOf = (template: Template, type: string) =>
  Object.values(template.findResources(type)).map(({ Properties }) => Properties);
const routesOf = (template: Template) => propertiesOf(template, 'AWS::ApiGatewayV2::Route');

describe('an HTTP API, by prop', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesized({ api: 'http' }, (log, stack) => {
      const user = (name: string) => new iam.User(stack, name);
      log.grants.produceTopic(user('Producer'), 'orders');
      log.grants.consume(user('Consumer'));
    });
  }, 120_000);

  it('has every route of the REST API, each to the same function, by payload 2.0', () => {
    const functionOf = new Map(
      Object.entries(template.findResources('AWS::ApiGatewayV2::Integration')).map(([id, { Properties }]) => {
        expect(Properties).toMatchObject({ IntegrationType: 'AWS_PROXY', PayloadFormatVersion: '2.0' });
        return [id, /^Log(.*)[0-9A-F]{8}\.Arn$/.exec(resolved(Properties.IntegrationUri))?.[1]?.toLowerCase()];
      }),
    );
    const routes = routesOf(template).map(({ RouteKey, Target }) => [
      RouteKey,
      functionOf.get(resolved(Target).replace('integrations/', '')),
    ]);

    const expected = ROUTES.flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, name]) => [`${method} ${path}`, name]),
    );
    expect(routes.sort()).toEqual(expected.sort());
    template.resourceCountIs('AWS::ApiGateway::RestApi', 0);
    template.resourceCountIs('AWS::Lambda::Permission', 4);
  });

  it('lets nobody call who does not sign, unless it is told to', () => {
    const types = (of: Template) => new Set(routesOf(of).map(({ AuthorizationType }) => AuthorizationType));

    expect(types(template)).toEqual(new Set(['AWS_IAM']));
    expect(types(synthesized({ api: 'http', auth: 'none' }))).toEqual(new Set(['NONE']));
    const issuer = 'https://issuer.example';
    const auth = new HttpJwtAuthorizer('Jwt', issuer, { jwtAudience: ['varve'] });
    const byToken = synthesized({ api: 'http', auth });
    expect(types(byToken)).toEqual(new Set(['JWT']));
    byToken.hasResourceProperties('AWS::ApiGatewayV2::Authorizer', {
      JwtConfiguration: { Audience: ['varve'], Issuer: issuer },
    });
  });

  it('gives rights by paths, as the REST API does', () => {
    const [api] = Object.keys(template.findResources('AWS::ApiGatewayV2::Api'));
    const may = (who: string, end: string) =>
      rightsOf(
        template,
        who,
      )({
        action: 'execute-api:Invoke',
        resource: `arn:aws:execute-api:eu-central-1:111122223333:${api}/$default/${end}`,
      });

    expect(may('Producer', 'POST/api/topics/orders/records')).toBe(true);
    expect(may('Producer', 'POST/api/topics/orders/partitions/3/records')).toBe(true);
    expect(may('Producer', 'POST/api/topics/payments/records')).toBe(false);
    expect(may('Producer', 'GET/api/topics/orders/partitions/3/records')).toBe(false);
    expect(may('Consumer', 'GET/api/topics/orders/partitions/3/records')).toBe(true);
    expect(may('Consumer', 'POST/api/topics/orders/records')).toBe(false);
  });

  it('logs who asked for what, and no query, header or body, which may hold keys', () => {
    const [stage] = propertiesOf(template, 'AWS::ApiGatewayV2::Stage');

    expect(stage).toMatchObject({ StageName: '$default', AutoDeploy: true });
    for (const field of Object.values(JSON.parse(stage!.AccessLogSettings.Format))) {
      expect(field).not.toMatch(/query|header|body|\$context\.authorizer/i);
    }
    template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
  });

  it('needs no role of the account for its access log', () => {
    template.resourceCountIs('AWS::ApiGateway::Account', 0);
  });

  it('has an address without a stage, and metrics by its id', () => {
    const stack = new Stack(undefined, undefined, { env: { region: 'eu-central-1', account: '111122223333' } });
    const at = { bucketName: 'theirs', tableName: 'theirs', apiId: 'abc123', api: 'http' } as const;
    const theirs = EventLog.fromEventLogAttributes(stack, 'Theirs', at);
    const ours = new EventLog(stack, 'Ours', { api: 'http' });

    expect(stack.resolve(theirs.api.url)['Fn::Join'][1].at(-1)).toBe('/');
    expect(resolved(stack.resolve(ours.api.url))).toMatch(/^OursHttpApi.*\.ApiEndpoint\/$/);
    for (const log of [theirs, ours]) {
      expect(log.metricServerErrors().toMetricConfig().metricStat).toMatchObject({
        namespace: 'AWS/ApiGateway',
        metricName: '5xx',
        dimensions: [{ name: 'ApiId' }, { name: 'Stage', value: '$default' }],
      });
    }
  });

  it('has no keys, and no authorizer of a REST API; nor the other way round', () => {
    const guard = (stack: Stack) =>
      new apigateway.RequestAuthorizer(stack, 'Guard', {
        handler: new lambda.Function(stack, 'Guards', {
          runtime: lambda.Runtime.NODEJS_24_X,
          handler: 'index.handler',
          code: lambda.Code.fromInline('exports.handler = async () => ({})'),
        }),
        identitySources: [apigateway.IdentitySource.header('authorization')],
      });

    expect(() => synthesized({ api: 'http', auth: 'apiKey' })).toThrow(/HTTP APIs have no keys/);
    expect(() => synthesized((stack) => ({ api: 'http', auth: guard(stack) }))).toThrow(/HttpJwtAuthorizer/);
    const jwt = new HttpJwtAuthorizer('Jwt', 'https://issuer.example', { jwtAudience: ['varve'] });
    expect(() => synthesized({ auth: jwt })).toThrow(/with api: 'rest' give one of aws-apigateway\./);
    expect(() => synthesized({ api: 'HTTP' as 'http' })).toThrow(/give 'rest' or 'http'/);
  });

  it('keeps alarms and a dashboard', () => {
    const watched = synthesized({ api: 'http', dashboard: true });
    watched.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
    watched.hasResourceProperties('AWS::CloudWatch::Dashboard', { DashboardBody: Match.anyValue() });
  });
});
