import { type FileHandle, open } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { NewRecord } from '../../client/client.ts';
import { systemClock } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import { clientOf } from './cli.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { parseExactly } from './json.ts';
import { type Line, readLines } from './lines.ts';
import { PARTITIONS, pair } from './options.ts';
import { pipeline } from './pipeline.ts';
import type { Terminal } from './terminal.ts';
import { recordOfValue } from './value-line.ts';

interface Flags {
  file?: string;
  records?: boolean;
  key?: string;
  partition?: number;
  header?: Record<string, string>;
  verbose?: boolean;
}

/** Bytes of input that may wait for an acknowledgement. */
const MAX_WAITING = 2 * 1024 * 1024;
const FILE_CHUNK = 256 * 1024;
/** Milliseconds between two lines of progress. */
const PROGRESS_EVERY = 100;

export function addProduce(program: Command, terminal: Terminal, ended: (code: number) => void): void {
  program
    .command('produce <topic>')
    .description('append newline-delimited JSON from stdin or a file, each record once, in order per key and partition')
    .option('--file <path>', 'read this file instead of stdin')
    .option('--records', 'each line is a record {key, value, headers, partition, timestamp}, as consume prints them')
    .addOption(
      new Option('--key <field>', 'take the key from this field of the value, such as id or user.id').conflicts(
        'records',
      ),
    )
    .option('--partition <id>', 'append to this partition; without it by key, as Kafka does, or to any', PARTITIONS)
    .option('--header <name=value>', 'give every record this header; repeatable', pair)
    .option('--verbose', 'print partition, offset and timestamp of each record, in order')
    .addHelpText('after', '\nWithout --records each line is a value, stored to the letter; the line null is no value.')
    .action(async (topic: string, flags: Flags, command: Command) => {
      const parse = await lineParser(flags);
      const client = clientOf(command);
      const producer = client.producer();
      // A wrong topic, or no server, is said before anything is read.
      await producer.append(topic, []);
      const input = await openInput(flags.file, terminal);
      const interrupted = terminal.interrupted();
      interrupted.addEventListener('abort', input.stop);

      const begun = systemClock.monotonic();
      const partitions = new Set<number>();
      let appended = 0;
      let shown = begun;
      const { send, drain } = pipeline({
        producer,
        topic,
        limit: MAX_WAITING,
        onFailed: input.stop,
        async onAppended(records) {
          appended += records.length;
          for (const { partition } of records) partitions.add(partition);
          if (flags.verbose) await terminal.out(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
          if (systemClock.monotonic() - shown < PROGRESS_EVERY) return;
          shown = systemClock.monotonic();
          terminal.progress(`${appended.toLocaleString('en-US')} records${input.part()}`);
        },
      });

      try {
        const fault = await readAll(input.bytes, parse, send).catch((error: unknown) => error ?? new Error('failed'));
        await drain();
        if (fault && !interrupted.aborted) throw fault;
      } finally {
        input.stop();
        const seconds = (systemClock.monotonic() - begun) / 1000;
        terminal.progress('');
        terminal.say(
          `${plural(appended, 'record')} to ${plural(partitions.size, 'partition')} of ${topic} in ${seconds.toFixed(2)} s`,
        );
      }
      if (interrupted.aborted) ended(EXIT.interrupted);
    });
}

type ParseLine = (line: Line) => NewRecord;

/** What makes a record of a line; INVALID_RECORD names the line. */
async function lineParser({ records, key, partition, header }: Flags): Promise<ParseLine> {
  const path = key?.split('.');
  const recordFrom = records ? (await import('./record-line.ts')).recordFrom : undefined;
  return ({ number, text }) => {
    try {
      const record = recordFrom ? recordFrom(parseExactly(text)) : recordOfValue(text, path);
      return {
        ...(partition !== undefined && { partition }),
        ...record,
        ...(header && { headers: { ...header, ...record.headers } }),
      };
    } catch (error) {
      const why = error instanceof VarveError ? error.message : 'it is not JSON';
      throw new VarveError('INVALID_RECORD', `Line ${number}: ${why}; the lines before it were appended.`);
    }
  };
}

async function readAll(
  bytes: AsyncIterable<Uint8Array>,
  parse: ParseLine,
  send: (records: NewRecord[], size: number) => Promise<void>,
): Promise<void> {
  for await (const lines of readLines(bytes)) {
    const records: NewRecord[] = [];
    let size = 0;
    let fault: unknown;
    for (const line of lines) {
      try {
        records.push(parse(line));
      } catch (error) {
        fault = error;
        break;
      }
      size += line.text.length;
    }
    if (records.length > 0) await send(records, size);
    if (fault) throw fault;
  }
}

interface Input {
  bytes: AsyncIterable<Uint8Array>;
  /** How far it is, as text for a person; empty where nobody knows. */
  part(): string;
  /** Ends it, and whoever waits for more. */
  stop(): void;
}

async function openInput(path: string | undefined, { stdin, say }: Terminal): Promise<Input> {
  if (path === undefined) {
    if (stdin.isTTY) say('Type one JSON value a line; Ctrl+D ends.');
    return { bytes: stdin, part: () => '', stop: () => stdin.destroy() };
  }
  const file = await openFile(path);
  const { size } = await file.stat();
  const stream = file.createReadStream({ highWaterMark: FILE_CHUNK });
  return {
    bytes: stream,
    part: () => (size === 0 ? '' : `, ${Math.floor((100 * stream.bytesRead) / size)} % of the file read`),
    stop: () => stream.destroy(),
  };
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${(error as Error).message}.`);
  }
}

function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
