import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CloudFormationClient, DeleteStackCommand, waitUntilStackDeleteComplete } from '@aws-sdk/client-cloudformation';
import { buildFunctions } from '../../cdk/build-functions.ts';
import { localstack } from './localstack.ts';

/** A stack of the test's own on LocalStack. */
export interface CdkStack {
  readonly name: string;
  /** What `cdk deploy --outputs-file` writes. */
  readonly outputs: string;
  /** Makes or changes it: what the app says with these in its environment. Answers its outputs; rejects with what was printed. */
  deploy(environment?: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>>;
  /** With all that it made. */
  remove(): Promise<void>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const DELETED_WITHIN_SECONDS = 120;

/** `app`: the file of a CDK app, relative to the clone, which names its stack by VARVE_STACK. */
export async function cdkStack(app: string, called: string): Promise<CdkStack> {
  buildFunctions();
  const name = `${called}-${randomUUID()}`;
  const folder = await mkdtemp(join(tmpdir(), 'varve-stack-'));
  const outputs = join(folder, 'outputs.json');
  const { endpoint } = localstack;
  const settings = {
    VARVE_STACK: name,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
    CDK_DISABLE_CLI_TELEMETRY: '1',
    // Most of what a synthesis takes; test/cdk/validation.test.ts has it.
    CDK_VALIDATION: 'false',
    CI: 'true',
  };
  const command = ['node_modules/aws-cdk-local/bin/cdklocal', 'deploy', name, '--app', `${process.execPath} ${app}`];
  const options = ['--output', join(folder, 'cdk.out'), '--outputs-file', outputs, '--method=direct'];
  const quiet = ['--require-approval=never', '--no-notices'];
  return {
    name,
    outputs,
    async deploy(environment = {}) {
      await promisify(execFile)(process.execPath, [...command, ...options, ...quiet], {
        cwd: root,
        env: { ...process.env, ...settings, ...environment },
      });
      return JSON.parse(await readFile(outputs, 'utf8'))[name] ?? {};
    },
    async remove() {
      const client = new CloudFormationClient(localstack);
      try {
        await client.send(new DeleteStackCommand({ StackName: name }));
        const waiting = { client, maxWaitTime: DELETED_WITHIN_SECONDS, minDelay: 1, maxDelay: 1 };
        await waitUntilStackDeleteComplete(waiting, { StackName: name });
      } finally {
        client.destroy();
        await rm(folder, { recursive: true });
      }
    },
  };
}
