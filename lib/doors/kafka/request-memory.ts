/**
 * Bytes of requests that all connections of a gateway have in memory. When it is full nobody is read until requests are answered;
 * where that would not help, because most of it is requests that have not come whole, who holds the most of these is cut off.
 */
export interface RequestMemory {
  join(connection: Held): Share;
  /** Of all connections. */
  readonly held: number;
}

/** What a connection is told. */
export interface Held {
  /** There is room again. */
  resume(): void;
  /** It is to end at once. */
  cut(): void;
}

/** One connection's part. */
export interface Share {
  /** How many bytes it now has of a request that is not whole. */
  gather(bytes: number): void;
  /** Takes in a whole request. */
  take(bytes: number): void;
  give(bytes: number): void;
  /** Whether more may be read; if not, `resume` says when. */
  hasRoom(): boolean;
  leave(): void;
}

export function createRequestMemory(limit: number): RequestMemory {
  const gatherers = new Map<Held, number>();
  const waiting = new Set<Held>();
  let whole = 0;
  let gathered = 0;

  function setGathered(connection: Held, bytes: number): void {
    gathered += bytes - (gatherers.get(connection) ?? 0);
    if (bytes > 0) gatherers.set(connection, bytes);
    else gatherers.delete(connection);
  }

  function cutLargest(): void {
    const [largest] = [...gatherers].reduce((most, one) => (one[1] > most[1] ? one : most));
    setGathered(largest, 0);
    largest.cut();
  }

  function wake(): void {
    // Those who wait are all let go on: each brings no more than it finds at its socket, and waits again.
    for (const connection of whole + gathered < limit ? [...waiting] : []) {
      waiting.delete(connection);
      connection.resume();
    }
  }

  return {
    get held() {
      return whole + gathered;
    },
    join: (connection) => ({
      gather(bytes) {
        setGathered(connection, bytes);
      },
      take(bytes) {
        whole += bytes;
      },
      give(bytes) {
        whole -= bytes;
        wake();
      },
      hasRoom() {
        while (whole + gathered >= limit && gathered > limit / 2) cutLargest();
        if (whole + gathered < limit) {
          wake();
          return true;
        }
        waiting.add(connection);
        return false;
      },
      leave() {
        waiting.delete(connection);
        setGathered(connection, 0);
        wake();
      },
    }),
  };
}
