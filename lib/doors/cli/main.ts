import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { addConsume } from './consume.ts';
import { EXIT, exitCodeOf, UsageError } from './exit-codes.ts';
import { addGroup } from './group/group.ts';
import { whole } from './options.ts';
import { addProduce } from './produce.ts';
import { addGateway, addServer } from './server.ts';
import { addSubscribe } from './subscribe.ts';
import { plain } from './table.ts';
import { OutputClosed, openTerminal, type Terminal } from './terminal.ts';
import { addTopic } from './topic/topic.ts';

const EXIT_CODES = `
Exit codes:
  0 done   1 refused or failed   2 wrong command line   3 cannot reach the server   4 no such topic, partition or group
  5 conflict: exists, in use, taken over   6 bad input   7 not now, try again   8 not allowed
  130 produce was interrupted
`;

/** The varve command. Answers what the process should exit with. */
export async function main(args: readonly string[]): Promise<number> {
  const terminal = openTerminal();
  let code: number | undefined;
  const program = programOf(terminal, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code ?? EXIT.ok;
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT.ok;
    // Commander has said what it had to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const hint = error instanceof UsageError ? ' See varve --help.' : '';
    terminal.say(`varve: ${oneLine(error instanceof Error ? error.message : String(error))}${hint}`);
    return exitCodeOf(error);
  }
}

function programOf(terminal: Terminal, ended: (code: number) => void): Command {
  const program = new Command('varve')
    .description('An event log on object storage: topics, records, consumer groups.')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .helpCommand(false)
    .addOption(new Option('--url <url>', "the server's address").env('VARVE_URL').default('http://127.0.0.1:8080'))
    .option('--profile <name>', 'sign requests (SigV4) with the credentials of this AWS profile')
    .option('--aws-sigv4', 'sign requests (SigV4) with the AWS credentials of the environment')
    .addOption(new Option('--region <name>', "the API's AWS region, where --url does not say it").env('AWS_REGION'))
    .addOption(new Option('--api-key <key>', 'sent as x-api-key').env('VARVE_API_KEY'))
    .addOption(
      new Option('--timeout <seconds>', 'how long to go on trying when the server stops answering')
        .default(60)
        .argParser(whole(1, 86_400)),
    )
    .addHelpText('after', EXIT_CODES)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) => write(`varve: ${oneLine(text.replace(/^error: /, ''))} See varve --help.\n`),
    })
    .exitOverride();
  addServer(program, ended);
  addGateway(program, ended);
  addTopic(program, terminal);
  addProduce(program, terminal, ended);
  addConsume(program, terminal);
  addGroup(program, terminal);
  addSubscribe(program, terminal);
  return program;
}

function oneLine(text: string): string {
  return plain(text.trim().replaceAll(/\s*\n\s*/g, ' '));
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}
