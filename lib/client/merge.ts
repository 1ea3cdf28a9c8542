/**
 * The items of all sources as they arrive, each source in its order; at most `atOnce` sources run at the same time, each at most
 * one item ahead. A failure ends it. Whoever stops early aborts the sources' own work before.
 */
export async function* merge<T>(sources: readonly (() => AsyncIterable<T>)[], atOnce: number): AsyncGenerator<T> {
  const arrived: (() => T | undefined)[] = [];
  let wake = () => {};
  let begun = 0;
  let running = 0;

  const arrive = (item: () => T | undefined) => {
    arrived.push(item);
    wake();
  };

  /** Asks one source for its next item; what is taken then asks again. */
  function ask(source: AsyncIterator<T>): void {
    source.next().then(
      (result) =>
        arrive(() => {
          if (!result.done) {
            ask(source);
            return result.value;
          }
          running--;
          begin();
          return undefined;
        }),
      (error) =>
        arrive(() => {
          throw error;
        }),
    );
  }

  function begin(): void {
    while (running < atOnce && begun < sources.length) {
      running++;
      ask(sources[begun++]!()[Symbol.asyncIterator]());
    }
  }

  begin();
  while (running > 0) {
    const take = arrived.shift();
    if (take === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    const item = take();
    if (item !== undefined) yield item;
  }
}
