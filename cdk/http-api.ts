import { Stack } from 'aws-cdk-lib';
import * as apigatewayv2 from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type ApiMetric, accessLogFormat, apiMetric, executeApiArn, type LogApi } from './api.ts';
import { API_FUNCTIONS, type ApiFunctionName, ROUTES } from './routes.ts';

/** `iam`, `none`, or an authorizer of the caller's own, such as `HttpJwtAuthorizer`. */
export type HttpAuth = 'iam' | 'none' | apigatewayv2.IHttpRouteAuthorizer;

export interface HttpLogApiProps {
  readonly functions: Readonly<Record<ApiFunctionName, lambda.IFunction>>;
  readonly auth: HttpAuth;
  readonly accessLog: logs.ILogGroup;
}

/** The stage that has no part in paths. */
export const DEFAULT_STAGE = '$default';

/** An HTTP API over the functions: less than a third of a REST API's price a request, and without keys and usage plans. */
export class HttpLogApi extends Construct implements LogApi {
  readonly auth: LogApi['auth'];
  readonly httpApi: apigatewayv2.HttpApi;
  readonly apiId: string;
  readonly url: string;

  constructor(scope: Construct, id: string, { functions, auth, accessLog }: HttpLogApiProps) {
    super(scope, id);
    this.auth = typeof auth === 'string' ? auth : 'authorizer';
    this.httpApi = new apigatewayv2.HttpApi(this, 'Api', {
      description: 'Varve: the HTTP API of an event log',
      createDefaultStage: false,
      ...(auth !== 'none' && { defaultAuthorizer: auth === 'iam' ? new HttpIamAuthorizer() : auth }),
    });
    new apigatewayv2.HttpStage(this, 'Stage', {
      httpApi: this.httpApi,
      stageName: DEFAULT_STAGE,
      autoDeploy: true,
      accessLogSettings: {
        destination: new apigatewayv2.LogGroupLogDestination(accessLog),
        format: accessLogFormat(),
      },
    });
    this.apiId = this.httpApi.apiId;
    this.url = `${this.httpApi.apiEndpoint}/`;

    const integrations = new Map(
      API_FUNCTIONS.map((name) => [
        name,
        // One permission a function: one a route would make the function's policy too long.
        new HttpLambdaIntegration(name, functions[name], { scopePermissionToRoute: false }),
      ]),
    );
    for (const [path, methods] of ROUTES) {
      for (const [method, name] of Object.entries(methods)) {
        const methodOf = method as apigatewayv2.HttpMethod;
        this.httpApi.addRoutes({ path, methods: [methodOf], integration: integrations.get(name)! });
      }
    }
  }

  arnFor(method: string, path: string): string {
    return executeApiArn(Stack.of(this), this.apiId, DEFAULT_STAGE, method, path);
  }

  metric(of: ApiMetric, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return httpApiMetric(this.apiId, DEFAULT_STAGE, of, options);
  }
}

/** Of an HTTP API, which CloudWatch knows by id. */
export function httpApiMetric(
  apiId: string,
  stage: string,
  of: ApiMetric,
  options?: cloudwatch.MetricOptions,
): cloudwatch.Metric {
  return apiMetric({ ApiId: apiId, Stage: stage }, { clientErrors: '4xx', serverErrors: '5xx' }, of, options);
}
