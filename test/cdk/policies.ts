import type { Template } from 'aws-cdk-lib/assertions';

/** As much of IAM as the stack's policies use: allowing statements, wildcards, and conditions on leading keys. */

export interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: Record<string, Record<string, string | string[]>>;
}

export interface Request {
  action: string;
  resource: string;
  /** Of DynamoDB: the partition keys that the request names. None at all satisfies every condition on all of them. */
  leadingKeys?: readonly string[];
}

export type Allows = (request: Request) => boolean;

/** What the role (or user) whose logical id begins so may do by the policies that are attached to it. */
export function rightsOf(template: Template, idPrefix: string): Allows {
  const attached = Object.values(template.findResources('AWS::IAM::Policy')).filter(({ Properties }) =>
    [...(Properties.Roles ?? []), ...(Properties.Users ?? [])].some(
      ({ Ref }: { Ref?: string }) => Ref?.startsWith(idPrefix) ?? false,
    ),
  );
  if (attached.length === 0) throw new Error(`nothing is attached to ${idPrefix}`);
  return allowing(attached.flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[]));
}

/** What statements allow together. */
export function allowing(statements: readonly Statement[]): Allows {
  if (statements.some(({ Effect }) => Effect !== 'Allow')) throw new Error('only allowing statements are understood');
  return (request) => statements.some((statement) => allows(statement, request));
}

function allows({ Action, Resource, Condition = {} }: Statement, { action, resource, leadingKeys = [] }: Request) {
  const matched = (forms: unknown, value: string) => [forms].flat().some((form) => like(resolved(form), value));
  if (!matched(Action, action) || !matched(Resource, resource)) return false;
  return Object.entries(Condition).every(([operator, keys]) => {
    const [key, ...others] = Object.keys(keys);
    if (operator !== 'ForAllValues:StringLike' || key !== 'dynamodb:LeadingKeys' || others.length > 0) {
      throw new Error(`condition ${operator} on ${Object.keys(keys)} is not understood`);
    }
    return leadingKeys.every((one) => matched(keys[key], one));
  });
}

function like(form: string, value: string): boolean {
  const source = form
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(value);
}

/** A template's value as text: resources stand for their logical ids. */
export function resolved(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref: ref, 'Fn::Join': join, 'Fn::GetAtt': attribute } = value as Record<string, unknown>;
  if (typeof ref === 'string') return PSEUDO[ref] ?? ref;
  if (Array.isArray(join)) return (join[1] as unknown[]).map(resolved).join(join[0] as string);
  if (Array.isArray(attribute)) return attribute.join('.');
  throw new Error(`not understood: ${JSON.stringify(value)}`);
}

const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'eu-central-1',
  'AWS::AccountId': '111122223333',
  'AWS::URLSuffix': 'amazonaws.com',
};
