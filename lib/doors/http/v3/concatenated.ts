import { HttpProblem } from '../errors.ts';

const [QUOTE, BACKSLASH, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, COMMA] = [...'"\\{}[],'].map((one) => one.charCodeAt(0));
const SPACE = 32;

/** Finds the objects in a stream of concatenated JSON, without reading them. */
export interface ObjectSplitter {
  /** The objects that this chunk completes. MALFORMED_JSON for anything but objects; BODY_TOO_LARGE for one beyond `maxBytes`. */
  push(chunk: Uint8Array): Uint8Array[];
  /** MALFORMED_JSON when an object is not complete. */
  end(): void;
  /** Bytes of an object whose end has not come. */
  readonly pending: number;
}

export function objectSplitter(maxBytes: number): ObjectSplitter {
  let parts: Uint8Array[] = [];
  let pending = 0;
  let depth = 0;
  let quoted = false;
  let escaped = false;

  function keep(part: Uint8Array): void {
    parts.push(part);
    pending += part.length;
    if (pending > maxBytes) throw new HttpProblem('BODY_TOO_LARGE', `A record is larger than ${maxBytes} bytes.`);
  }

  return {
    push(chunk) {
      const objects: Uint8Array[] = [];
      let start = 0;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i]!;
        if (quoted) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) quoted = false;
        } else if (depth === 0) {
          // Between objects white space, and a comma where somebody sends a list without its brackets.
          if (byte <= SPACE || byte === COMMA) continue;
          if (byte !== OPEN)
            throw new HttpProblem('MALFORMED_JSON', 'The body must be JSON objects, one after the other.');
          depth = 1;
          start = i;
        } else if (byte === QUOTE) quoted = true;
        else if (byte === OPEN || byte === OPEN_LIST) depth++;
        else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) {
          keep(chunk.subarray(start, i + 1));
          objects.push(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
          parts = [];
          pending = 0;
        }
      }
      if (depth > 0) keep(chunk.slice(start));
      return objects;
    },
    end() {
      if (depth > 0) throw new HttpProblem('MALFORMED_JSON', 'The body ends inside an object.');
    },
    get pending() {
      return pending;
    },
  };
}
