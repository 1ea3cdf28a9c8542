import { ArnFormat, type Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

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
