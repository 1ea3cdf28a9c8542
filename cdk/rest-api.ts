import { Names, RemovalPolicy } from 'aws-cdk-lib';
import * as apigateway from 'aws-cdk-lib/aws-apigateway';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { ApiMetric, LogApi } from './api.ts';
import { type ApiFunctionName, ROUTES } from './routes.ts';

/** `iam`, `none`, `apiKey`, or an authorizer of the caller's own. */
export type RestAuth = 'iam' | 'none' | 'apiKey' | apigateway.IAuthorizer;

export interface RestLogApiProps {
  readonly functions: Readonly<Record<ApiFunctionName, lambda.IFunction>>;
  readonly auth: RestAuth;
  readonly accessLog: logs.ILogGroup;
  readonly cloudWatchRole: boolean;
}

/** Who asked for what, and what came of it. A path names topics and groups; query strings, headers and bodies are left out. */
const ACCESS_LOG = {
  time: '$context.requestTime',
  requestId: '$context.requestId',
  ip: '$context.identity.sourceIp',
  caller: '$context.identity.userArn',
  apiKeyId: '$context.identity.apiKeyId',
  method: '$context.httpMethod',
  path: '$context.path',
  protocol: '$context.protocol',
  status: '$context.status',
  answerBytes: '$context.responseLength',
  milliseconds: '$context.responseLatency',
  functionMilliseconds: '$context.integrationLatency',
  error: '$context.error.message',
};

/** A REST API over the functions. */
export class RestLogApi extends Construct implements LogApi {
  readonly auth: LogApi['auth'];
  readonly restApi: apigateway.RestApi;
  /** With `auth: 'apiKey'`: callers send its value as `x-api-key`. Read it by its id; the stack does not know it. */
  readonly apiKey: apigateway.IApiKey | undefined;
  readonly apiId: string;
  readonly url: string;

  constructor(scope: Construct, id: string, props: RestLogApiProps) {
    super(scope, id);
    const { auth, functions, accessLog, cloudWatchRole } = props;
    this.auth = typeof auth === 'string' ? auth : 'authorizer';
    this.restApi = new apigateway.RestApi(this, 'Api', {
      // CloudWatch tells APIs by name.
      restApiName: Names.uniqueResourceName(this, { maxLength: 128, separator: '-' }),
      description: 'Varve: the HTTP API of an event log',
      endpointTypes: [apigateway.EndpointType.REGIONAL],
      // Bodies may be compressed or binary; API Gateway must not take them for text.
      binaryMediaTypes: ['*/*'],
      cloudWatchRole,
      // It is the account's, and other APIs may have come to write by it.
      ...(cloudWatchRole && { cloudWatchRoleRemovalPolicy: RemovalPolicy.RETAIN }),
      deployOptions: {
        accessLogDestination: new apigateway.LogGroupLogDestination(accessLog),
        accessLogFormat: apigateway.AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
      defaultMethodOptions: methodOptions(auth),
    });
    this.apiId = this.restApi.restApiId;
    this.url = this.restApi.url;

    // One permission a function: one a method would make the function's policy too long.
    const integrate = (name: ApiFunctionName) =>
      new apigateway.LambdaIntegration(functions[name], { scopePermissionToMethod: false });
    const integrations = { produce: integrate('produce'), fetch: integrate('fetch'), admin: integrate('admin') };
    for (const [path, methods] of ROUTES) {
      const resource = this.restApi.root.resourceForPath(path);
      for (const [method, name] of Object.entries(methods)) resource.addMethod(method, integrations[name]);
    }

    if (auth === 'apiKey') {
      this.apiKey = this.restApi.addApiKey('Key', { description: 'Varve: calls the HTTP API of an event log' });
      const plan = this.restApi.addUsagePlan('Plan', { apiStages: [{ stage: this.restApi.deploymentStage }] });
      plan.addApiKey(this.apiKey);
    }
  }

  arnFor(method: string, path: string): string {
    return this.restApi.arnForExecuteApi(method, path, this.restApi.deploymentStage.stageName);
  }

  metric(of: ApiMetric, options: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
    return restApiMetric(this.restApi.restApiName, this.restApi.deploymentStage.stageName, of, options);
  }
}

function methodOptions(auth: RestAuth): apigateway.MethodOptions {
  const { IAM, NONE } = apigateway.AuthorizationType;
  if (typeof auth !== 'string') return { authorizer: auth };
  return { authorizationType: auth === 'iam' ? IAM : NONE, ...(auth === 'apiKey' && { apiKeyRequired: true }) };
}

const METRICS: Readonly<Record<ApiMetric, { metricName: string; statistic: string; unit?: cloudwatch.Unit }>> = {
  requests: { metricName: 'Count', statistic: cloudwatch.Stats.SAMPLE_COUNT },
  clientErrors: { metricName: '4XXError', statistic: cloudwatch.Stats.SUM },
  serverErrors: { metricName: '5XXError', statistic: cloudwatch.Stats.SUM },
  latency: { metricName: 'Latency', statistic: cloudwatch.Stats.p(99) },
};

/** Of a REST API, which CloudWatch knows by name. */
export function restApiMetric(
  apiName: string,
  stage: string,
  of: ApiMetric,
  options: cloudwatch.MetricOptions = {},
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/ApiGateway',
    dimensionsMap: { ApiName: apiName, Stage: stage },
    ...METRICS[of],
    ...options,
  });
}
