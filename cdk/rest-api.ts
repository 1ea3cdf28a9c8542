import { Names, RemovalPolicy } from 'aws-cdk-lib';
import * as apigateway from 'aws-cdk-lib/aws-apigateway';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type ApiMetric, accessLogFormat, apiMetric, type LogApi } from './api.ts';
import { type ApiFunctionName, ROUTES } from './routes.ts';

/** `iam`, `none`, `apiKey`, or an authorizer of the caller's own. */
export type RestAuth = 'iam' | 'none' | 'apiKey' | apigateway.IAuthorizer;

export interface RestLogApiProps {
  readonly functions: Readonly<Record<ApiFunctionName, lambda.IFunction>>;
  readonly auth: RestAuth;
  readonly accessLog: logs.ILogGroup;
  readonly cloudWatchRole: boolean;
}

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
        accessLogFormat: accessLogFormat({ apiKeyId: '$context.identity.apiKeyId' }),
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

  metric(of: ApiMetric, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return restApiMetric(this.restApi.restApiName, this.restApi.deploymentStage.stageName, of, options);
  }
}

function methodOptions(auth: RestAuth): apigateway.MethodOptions {
  const { IAM, NONE } = apigateway.AuthorizationType;
  if (typeof auth !== 'string') return { authorizer: auth };
  return { authorizationType: auth === 'iam' ? IAM : NONE, ...(auth === 'apiKey' && { apiKeyRequired: true }) };
}

/** Of a REST API, which CloudWatch knows by name. */
export function restApiMetric(
  apiName: string,
  stage: string,
  of: ApiMetric,
  options?: cloudwatch.MetricOptions,
): cloudwatch.Metric {
  return apiMetric(
    { ApiName: apiName, Stage: stage },
    { clientErrors: '4XXError', serverErrors: '5XXError' },
    of,
    options,
  );
}
