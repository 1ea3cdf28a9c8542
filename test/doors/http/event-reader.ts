/** A reader of server-sent events that takes one at a time, as slowly as it likes. */
export interface EventReader {
  readonly status: number;
  /** The id of the last event or of the stream's start, as a browser would send it back. */
  readonly lastEventId: string;
  /** The next event that carries data; undefined at the end. */
  next(): Promise<Event | undefined>;
  /** Resolves with the next comment's text. */
  comment(): Promise<string>;
  close(): void;
}

export interface Event {
  id: string;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into data of every shape, and assert what they find
  data: any;
}

export async function openEvents(url: string, lastEventId?: string): Promise<EventReader> {
  const stop = new AbortController();
  const response = await fetch(url, {
    signal: stop.signal,
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = '';
  let last = lastEventId ?? '';

  /** One block between blank lines; undefined at the end. */
  async function block(): Promise<string[] | undefined> {
    for (;;) {
      const end = buffered.indexOf('\n\n');
      if (end !== -1) {
        const lines = buffered.slice(0, end).split('\n');
        buffered = buffered.slice(end + 2);
        return lines;
      }
      const { done, value } = await reader.read();
      if (done) return undefined;
      buffered += value;
    }
  }

  const field = (lines: string[], name: string) =>
    lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));

  return {
    status: response.status,
    get lastEventId() {
      return last;
    },
    async next() {
      for (;;) {
        const lines = await block();
        if (!lines) return undefined;
        last = field(lines, 'id')[0] ?? last;
        const data = field(lines, 'data');
        if (data.length === 0) continue;
        return { id: last, event: field(lines, 'event')[0] ?? 'message', data: JSON.parse(data.join('\n')) };
      }
    },
    async comment() {
      for (;;) {
        const lines = await block();
        if (!lines) throw new Error('the stream ended');
        const found = lines.find((line) => line.startsWith(':'));
        if (found !== undefined) return found.slice(1).trim();
      }
    },
    close() {
      stop.abort();
      reader.closed.catch(() => {});
    },
  };
}
