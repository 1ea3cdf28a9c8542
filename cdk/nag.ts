import type { CfnResource } from 'aws-cdk-lib';
import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { RIGHTS } from './rights.ts';

/** What cdk-nag's AWS Solutions pack finds in a log, and why it is meant so. Whoever checks a stack with it need not ask again. */
const REASONS: Readonly<Record<string, string>> = {
  'AwsSolutions-S1':
    'Access logs would need a bucket more, and only the functions have rights to this one: the API logs who asked for what.',
  'AwsSolutions-APIG2':
    'The functions check every request against schemas, and answer what is wrong with it in the form of its dialect.',
  'AwsSolutions-APIG3':
    'A web ACL costs $5 a month while nothing happens, and callers sign their requests; attach one to the stage where wanted.',
  'AwsSolutions-APIG6':
    'Execution logs go to a log group outside of the stack that never expires; the access log and the functions say what failed.',
  'AwsSolutions-COG4':
    'Callers are programs: they sign with IAM credentials, or come by what the auth prop says. No users are kept in Cognito.',
  'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]':
    'The policy that API Gateway itself asks for on the role by which an account writes access logs.',
};

const BY_NAME = 'Objects have random names below these prefixes; rights.ts says which function needs which.';
const KEY_ACTIONS = ['kms:GenerateDataKey*', 'kms:ReEncrypt*'];

export function acknowledgeFindings(log: IConstruct & { bucket: IConstruct }): void {
  const found = { ...REASONS };
  const bucket = Stack.of(log).getLogicalId(log.bucket.node.defaultChild as CfnResource);
  for (const { objects } of Object.values(RIGHTS)) {
    for (const name of objects.flatMap(({ names }) => names)) {
      found[`AwsSolutions-IAM5[Resource::<${bucket}.Arn>/${name}]`] = BY_NAME;
    }
  }
  for (const action of KEY_ACTIONS) {
    found[`AwsSolutions-IAM5[Action::${action}]`] = 'The actions by which S3 and DynamoDB use the key that was given.';
  }
  Validations.of(log).acknowledge(...Object.entries(found).map(([id, reason]) => ({ id, reason })));
}
