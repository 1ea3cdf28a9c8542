import { VarveError } from '../../errors.ts';

/** A line that is not blank. */
export interface Line {
  /** From 1 on. */
  number: number;
  text: string;
}

/** Bytes of a line; a record could not be larger. */
const MAX_LINE = 8 * 1024 * 1024;
const LINE_FEED = 10;

/**
 * The lines of a stream of bytes, as many together as arrived together, so that what comes slowly goes on at once. Lines before
 * one that is not UTF-8, or too long, are given; then INVALID_RECORD names it.
 */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let number = 0;
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let lines: Line[] = [];

  function take(bytes: Uint8Array): void {
    number++;
    let text: string;
    try {
      text = utf8.decode(bytes).trim();
    } catch {
      throw new VarveError('INVALID_RECORD', `Line ${number} is not UTF-8 text; the lines before it were appended.`);
    }
    if (text !== '') lines.push({ number, text });
  }

  function* cut(bytes: Uint8Array): Generator<Uint8Array> {
    let at = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, at)) {
      const line = bytes.subarray(at, end);
      yield rest.length === 0 ? line : Buffer.concat([...rest, line]);
      rest = [];
      restBytes = 0;
      at = end + 1;
    }
    if (at === bytes.length) return;
    rest.push(bytes.subarray(at));
    restBytes += bytes.length - at;
    if (restBytes > MAX_LINE) {
      const size = `${MAX_LINE / 1024 / 1024} MiB`;
      throw new VarveError(
        'INVALID_RECORD',
        `Line ${number + 1} is longer than ${size}; the lines before it were appended.`,
      );
    }
  }

  try {
    for await (const bytes of input) {
      for (const line of cut(bytes)) take(line);
      if (lines.length > 0) yield lines;
      lines = [];
    }
    if (restBytes > 0) take(Buffer.concat(rest));
  } catch (error) {
    if (lines.length > 0 && error instanceof VarveError) yield lines;
    throw error;
  }
  if (lines.length > 0) yield lines;
}
