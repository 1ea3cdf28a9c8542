import { Duration } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

export interface ManagedInstancesProps {
  /** Where the instances are, 1 to 16. S3, DynamoDB and CloudWatch Logs must be reachable from there: by endpoints, or a NAT. */
  readonly subnets: (ec2.ISubnet | ec2.Subnet)[];
  /** Of the instances, 1 to 5. They call out on port 443, and nobody calls them. */
  readonly securityGroups: (ec2.ISecurityGroup | ec2.SecurityGroup)[];
  /**
   * How long a request waits for others to share its segment with, 1 ms to a second. It is added to each append.
   * @default Duration.millis(10)
   */
  readonly linger?: Duration;
  /**
   * Memory of an environment, MiB, 2,048 to 32,768; 2,048 of them come with a processor.
   * @default 2048
   */
  readonly memorySize?: number;
  /**
   * The most processors that all instances together may have, 12 to 15,000.
   * @default - the service's own limit, 400
   */
  readonly maxVCpuCount?: number;
}

/** What such a function has otherwise than others. Throws, and says what to give instead. */
export function managedFunction({ linger = Duration.millis(10), memorySize = 2048 }: ManagedInstancesProps) {
  const ms = linger.toMilliseconds();
  if (ms < 1 || ms > 1_000) {
    throw new Error(`managedInstances.linger: ${ms} ms: give 1 to 1000, or requests have no batch to share.`);
  }
  if (!(Number.isInteger(memorySize) && memorySize >= 2048 && memorySize <= 32_768)) {
    throw new Error(`managedInstances.memorySize: ${memorySize}: give whole MiB, 2048 to 32768.`);
  }
  return { memorySize, environment: { VARVE_LINGER_MS: String(ms) } };
}

/** One provider of capacity for all of them. An API's calls without a version go to the one that Lambda publishes to it. */
export function runOnManagedInstances(
  scope: Construct,
  functions: readonly lambda.Function[],
  props: ManagedInstancesProps,
): lambda.CapacityProvider {
  const { subnets, securityGroups, maxVCpuCount } = props;
  const provider = new lambda.CapacityProvider(scope, 'Instances', {
    subnets: subnets as ec2.ISubnet[],
    securityGroups: securityGroups as ec2.ISecurityGroup[],
    architectures: [lambda.Architecture.ARM_64],
    ...(maxVCpuCount !== undefined && { maxVCpuCount }),
  });
  // Without a new publication, callers would go on with the code of before.
  for (const one of functions) provider.addFunction(one as lambda.IFunction, { publishToLatestPublished: true });
  return provider;
}
