import process from 'node:process';
import { stopSignal } from '../../server/stopping.ts';

/** What a command has around it. */
export interface Terminal {
  stdin: NodeJS.ReadStream;
  /** Resolves when the text is written. OutputClosed when whoever read it is gone. */
  out(text: string): Promise<void>;
  /** A line on stderr. */
  say(line: string): void;
  /** Replaces the last line on stderr; nothing where a person would not see it move. */
  progress(line: string): void;
  /** Whether stdout is a terminal. */
  interactive: boolean;
  /** Characters in a line of it. */
  columns: number;
  /** Aborts with SIGINT or SIGTERM; from the call on they no longer end the process, but a second one, later, does. */
  interrupted(): AbortSignal;
}

/** Nobody reads the output any more: nothing is left to do. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

const CLEAR_LINE = '\r\x1b[K';

export function openTerminal({ stdin, stdout, stderr, env }: NodeJS.Process = process): Terminal {
  const moving = Boolean(stderr.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb';
  let shown = false;
  // Each failure reaches the write that met it; without a listener it would end the process.
  stdout.on('error', () => {});
  stderr.on('error', () => {});

  const clear = () => {
    if (shown) stderr.write(CLEAR_LINE);
    shown = false;
  };

  return {
    stdin,
    interactive: Boolean(stdout.isTTY),
    columns: stdout.columns || 120,
    out: (text) =>
      new Promise((resolve, reject) => {
        clear();
        stdout.write(text, (error) => {
          if (!error) return resolve();
          reject('code' in error && error.code === 'EPIPE' ? new OutputClosed() : error);
        });
      }),
    say(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    progress(line) {
      if (!moving) return;
      stderr.write(`${CLEAR_LINE}${line.slice(0, (stderr.columns || 80) - 1)}`);
      shown = line !== '';
    },
    interrupted() {
      const controller = new AbortController();
      void stopSignal().first.then(() => controller.abort());
      return controller.signal;
    },
  };
}
