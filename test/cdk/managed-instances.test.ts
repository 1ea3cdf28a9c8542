import { Duration } from 'aws-cdk-lib';
import type { Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { describe, expect, it } from 'vitest';
import type { ManagedInstancesProps } from '../../cdk/managed-instances.ts';
import { synthesized } from './synthesized.ts';

function managed(props: Partial<ManagedInstancesProps> = {}): Template {
  return synthesized((stack) => {
    const vpc = new ec2.Vpc(stack, 'Vpc', { maxAzs: 2 });
    const securityGroups = [new ec2.SecurityGroup(stack, 'Out', { vpc: vpc as ec2.IVpc })];
    return { managedInstances: { subnets: vpc.privateSubnets, securityGroups, ...props } };
  });
}

describe('Managed Instances, by prop', () => {
  it('run produce and fetch, whose requests wait for each other; all else stays as it was', () => {
    const template = managed({ maxVCpuCount: 12, linger: Duration.millis(25) });
    const [provider] = Object.entries(template.findResources('AWS::Lambda::CapacityProvider'));
    const byName = new Map(
      Object.entries(template.findResources('AWS::Lambda::Function')).map(([id, { Properties }]) => [
        id.replace(/^Log(.*).{8}$/, '$1'),
        Properties,
      ]),
    );

    expect(provider![1].Properties).toMatchObject({
      VpcConfig: { SubnetIds: [{ Ref: expect.stringMatching(/^VpcPrivate/) }, {}], SecurityGroupIds: [{}] },
      InstanceRequirements: { Architectures: ['arm64'] },
      CapacityProviderScalingConfig: { MaxVCpuCount: 12 },
    });
    for (const name of ['Produce', 'Fetch']) {
      expect(byName.get(name)).toMatchObject({
        MemorySize: 2048,
        Environment: { Variables: { VARVE_LINGER_MS: '25' } },
        CapacityProviderConfig: {
          LambdaManagedInstancesCapacityProviderConfig: {
            CapacityProviderArn: { 'Fn::GetAtt': [provider![0], 'Arn'] },
          },
        },
        PublishToLatestPublished: true,
      });
    }
    expect(byName.get('Admin')).not.toHaveProperty('CapacityProviderConfig');
    expect(byName.get('Admin').Environment.Variables).not.toHaveProperty('VARVE_LINGER_MS');
  });

  it('are none by default', () => {
    synthesized().resourceCountIs('AWS::Lambda::CapacityProvider', 0);
  });

  it.each<[Partial<ManagedInstancesProps>, RegExp]>([
    [{ linger: Duration.millis(0) }, /no batch to share/],
    [{ linger: Duration.seconds(2) }, /give 1 to 1000/],
    [{ memorySize: 1024 }, /2048 to 32768/],
  ])('are refused with %j', (props, message) => {
    expect(() => managed(props)).toThrow(message);
  });
});
