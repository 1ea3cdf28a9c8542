import { ArnFormat, type Stack } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

/** What CloudWatch counts of an API: requests, answers of 4xx and 5xx, and milliseconds from a request to its answer. */
export type ApiMetric = 'requests' | 'clientErrors' | 'serverErrors' | 'latency';

/** The way in to a log, whatever kind of API it is: what grants, metrics and outputs need of it. */
export interface LogApi {
  readonly apiId: string;
  /** With a `/` at its end. */
  readonly url: string;
  /** Who may call: whoever may invoke and signs, anyone, holders of a key, or whom an authorizer lets in. */
  readonly auth: 'iam' | 'none' | 'apiKey' | 'authorizer';
  /** Of one method (`*`: any) of one path, which begins with `/`; both may hold wildcards of IAM. */
  arnFor(method: string, path: string): string;
  metric(of: ApiMetric, options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** Of one method of one path of an API, of either kind. */
export function executeApiArn(stack: Stack, apiId: string, stage: string, method: string, path: string): string {
  return stack.formatArn({
    service: 'execute-api',
    resource: apiId,
    arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    resourceName: `${stage}/${method}${path}`,
  });
}

/**
 * Who asked for what, and what came of it. A path names topics and groups; query strings, headers and bodies are left out.
 * `caller`: what else a kind of API knows of who asked.
 */
export function accessLogFormat(caller: Readonly<Record<string, string>> = {}): AccessLogFormat {
  return AccessLogFormat.custom(
    JSON.stringify({
      time: '$context.requestTime',
      requestId: '$context.requestId',
      ip: '$context.identity.sourceIp',
      caller: '$context.identity.userArn',
      ...caller,
      method: '$context.httpMethod',
      path: '$context.path',
      protocol: '$context.protocol',
      status: '$context.status',
      answerBytes: '$context.responseLength',
      milliseconds: '$context.responseLatency',
      functionMilliseconds: '$context.integrationLatency',
      error: '$context.error.message',
    }),
  );
}

/** A metric of the API that the dimensions name; kinds of API call their errors differently. */
export function apiMetric(
  dimensionsMap: Record<string, string>,
  errors: { clientErrors: string; serverErrors: string },
  of: ApiMetric,
  options: cloudwatch.MetricOptions = {},
): cloudwatch.Metric {
  const { SUM, SAMPLE_COUNT, p } = cloudwatch.Stats;
  const metrics = {
    requests: { metricName: 'Count', statistic: SAMPLE_COUNT },
    clientErrors: { metricName: errors.clientErrors, statistic: SUM },
    serverErrors: { metricName: errors.serverErrors, statistic: SUM },
    latency: { metricName: 'Latency', statistic: p(99) },
  };
  return new cloudwatch.Metric({ namespace: 'AWS/ApiGateway', dimensionsMap, ...metrics[of], ...options });
}
