/** How a request may go wrong between client and door. */
export interface Breaks {
  /** Before the door has it. */
  lostRequest?(): boolean;
  /** After the door has done it. */
  lostAnswer?(): boolean;
  /** A body ends after so many bytes, as if the connection broke; undefined: it does not. */
  cutAfter?(): number | undefined;
}

/** A fetch over a network that breaks. */
export function brokenFetch({ lostRequest, lostAnswer, cutAfter }: Breaks): typeof globalThis.fetch {
  return async (input, init) => {
    if (lostRequest?.()) throw new TypeError('fetch failed');
    const response = await fetch(input, init);
    if (lostAnswer?.()) {
      await response.arrayBuffer();
      throw new TypeError('fetch failed');
    }
    const bytes = cutAfter?.();
    return bytes === undefined || response.body === null ? response : new Response(cut(response.body, bytes), response);
  };
}

function cut(body: ReadableStream<Uint8Array>, bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return body.pipeThrough(
    new TransformStream({
      transform(chunk: Uint8Array, controller) {
        controller.enqueue(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) controller.error(new TypeError('terminated'));
      },
    }),
  );
}
