import type { Command } from 'commander';
import { type Auth, type Client, connect } from '../../client/client.ts';
import { VarveError } from '../../errors.ts';
import { credentialsOf } from './credentials.ts';
import { UsageError } from './exit-codes.ts';
import { parseExactly } from './json.ts';
import type { Terminal } from './terminal.ts';

export interface GlobalOptions {
  url: string;
  timeout: number;
  profile?: string;
  awsSigv4?: boolean;
  region?: string;
  apiKey?: string;
}

/** Milliseconds that one request may take. */
const MAX_REQUEST = 30_000;

/** A client of the server that the command line names. */
export function clientOf(command: Command): Client {
  const { url, timeout, ...who } = command.optsWithGlobals<GlobalOptions>();
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new UsageError('--url, or VARVE_URL, must be an address such as http://127.0.0.1:8080.');
  }
  const patience = timeout * 1000;
  const options = { parse: parseExactly, patience, timeout: Math.min(patience, MAX_REQUEST) };
  try {
    return connect(url, { auth: authOf(who), ...options });
  } catch (error) {
    if (!(error instanceof VarveError) || error.code !== 'INVALID_CONFIG') throw error;
    throw new UsageError(`${error.message} By --region, or AWS_REGION.`);
  }
}

/** Nothing is signed unless it is asked for: an AWS profile in the environment says nothing of this server. */
function authOf({ profile, awsSigv4, region, apiKey }: Partial<GlobalOptions>): Auth {
  return {
    ...(apiKey !== undefined && { apiKey }),
    ...((profile !== undefined || awsSigv4) && {
      sigv4: { credentials: credentialsOf(profile), ...(region !== undefined && { region }) },
    }),
  };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Adds one subcommand to its parent. */
export type AddCommand = (parent: Command, terminal: Terminal) => void;
