import { readFile } from 'node:fs/promises';
import { env } from 'node:process';
import { type Auth, type Client, connect } from '../client/client.ts';
import { VarveError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { openAws } from '../open/aws.ts';

export interface LocalstackOptions {
  /** What `cdk deploy --outputs-file` wrote. It names the log by the outputs ApiUrl, BucketName and TableName of one stack. */
  outputs: string;
  /** The stack. Default: the only one that has those outputs. */
  stack?: string;
  /** LocalStack's. Default AWS_ENDPOINT_URL, else as the stack's outputs say. */
  endpoint?: string;
  /** What `client` is let in by, where the API asks. LocalStack asks for API keys, and takes any signature, or none. */
  auth?: Auth;
}

/** A log that was deployed on LocalStack. `await using` closes what this process has open of it; the stack stays. */
export interface LocalstackLog {
  /** LocalStack's, for SDK clients of the test's own. */
  readonly endpoint: string;
  readonly region: string;
  /** Any are taken; these are for SDK clients of the test's own. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Of the API, by a name that resolves on this machine. */
  readonly url: string;
  readonly bucket: string;
  readonly table: string;
  /** Opened over the bucket and the table. */
  readonly log: EventLog;
  /** Of the API. */
  readonly client: Client;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const REGION = 'us-east-1';
const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

/** INVALID_CONFIG when the file is not there, or does not name one log on LocalStack; KAFKA_STORAGE_ERROR when that is gone. */
export async function localstackLog(options: LocalstackOptions): Promise<LocalstackLog> {
  const { outputs, stack, endpoint, auth = {} } = options;
  const { ApiUrl, BucketName: bucket, TableName: table } = await outputsOf(outputs, stack);
  const api = apiOf(ApiUrl, endpoint ?? env.AWS_ENDPOINT_URL);
  const client = { endpoint: api.endpoint, region: REGION, credentials: CREDENTIALS };
  const log = await openAws({ client, bucket, table });
  const close = () => log.close();
  const door = connect(api.url, { auth });
  return { ...client, url: api.url, bucket, table, log, client: door, close, [Symbol.asyncDispose]: close };
}

const NAMES = ['ApiUrl', 'BucketName', 'TableName'] as const;
type Outputs = Record<(typeof NAMES)[number], string>;

async function outputsOf(path: string, stack: string | undefined): Promise<Outputs> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw invalid(`There is no ${path}: deploy with \`--outputs-file ${path}\`.`, cause);
  });
  const stacks = stacksOf(path, text);
  const found = Object.entries(stacks).filter(
    ([name, one]) =>
      (stack === undefined || name === stack) && NAMES.every((output) => typeof one[output] === 'string'),
  );
  if (found.length === 1) return found[0]![1] as Outputs;
  const names = NAMES.join(', ');
  throw invalid(
    found.length > 1
      ? `${path} has ${found.length} stacks with the outputs ${names}: choose one by \`stack\`.`
      : `${path} has no stack${stack === undefined ? '' : ` ${stack}`} with the outputs ${names}: add them as CfnOutput, then deploy.`,
  );
}

function stacksOf(path: string, text: string): Record<string, Partial<Outputs>> {
  try {
    return JSON.parse(text) as Record<string, Partial<Outputs>>;
  } catch (cause) {
    throw invalid(`${path} is not JSON: deploy again with \`--outputs-file ${path}\`.`, cause);
  }
}

/** The stack names its API https://ID.execute-api.HOST/STAGE/, which needs a name server and a certificate on LocalStack. */
function apiOf(address: string, given: string | undefined): { endpoint: string; url: string } {
  const [, id, host, stage] = /^https?:\/\/([^./]+)\.execute-api\.([^/]+)\/(.*)$/.exec(address) ?? [];
  if (id === undefined || host === undefined || host.endsWith('.amazonaws.com')) {
    throw invalid(`The stack's API, ${address}, is not LocalStack's: deploy there, or use openAws and connect.`);
  }
  const endpoint = (given ?? `http://${host.replace(/^localhost\.localstack\.cloud/, '127.0.0.1')}`).replace(
    /\/+$/,
    '',
  );
  return { endpoint, url: `${endpoint}/_aws/execute-api/${id}/${stage}` };
}

function invalid(message: string, cause?: unknown): VarveError {
  return new VarveError('INVALID_CONFIG', message, { cause });
}
