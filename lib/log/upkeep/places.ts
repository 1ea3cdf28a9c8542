import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { TopicIdPartition } from '../../stores/catalog/partitions.ts';
import type { Topic } from '../../stores/catalog/topics.ts';

/** A partition, and the topic that it is one of. */
export interface Place {
  of: TopicIdPartition;
  topic: Topic;
}

const TOPICS = 1_000;
/** Where requests take their time, and others share the store. */
const WIDTH = 8;

/** Every partition of every topic, as it is when it is asked for. */
export async function* placesOf(catalog: Catalog): AsyncGenerator<Place> {
  for (let after = ''; ; ) {
    const page = await catalog.topics.list({ after, limit: TOPICS });
    for (const topic of page) {
      for (let partition = 0; partition < topic.partitions; partition += 1) {
        yield { of: { topicId: topic.id, partition }, topic };
      }
    }
    const last = page.at(-1);
    if (!last || page.length < TOPICS) return;
    after = last.name;
  }
}

/** Several at once, or, where they would only wait for each other, one after the other. The first failure ends it. */
export async function eachAtOnce<T>(
  items: AsyncIterable<T> | Iterable<T>,
  several: boolean,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const width = several ? WIDTH : 1;
  const underway = new Set<Promise<void>>();
  let failure: unknown;
  for await (const item of items) {
    const one: Promise<void> = work(item)
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => underway.delete(one));
    underway.add(one);
    if (underway.size >= width) await Promise.race(underway);
    if (failure !== undefined) break;
  }
  await Promise.all(underway);
  if (failure !== undefined) throw failure;
}

/** Neighbours, up to `size` at a time. */
export async function* grouped<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    if (group.push(item) < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
