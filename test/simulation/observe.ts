import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import type { CommittedOffset } from '../../lib/stores/catalog/groups.ts';
import type { AppendOutcome, NewEntry, TopicIdPartition } from '../../lib/stores/catalog/partitions.ts';
import type { Engine } from '../../lib/stores/catalog/sqlite/engine.ts';
import type { Topic } from '../../lib/stores/catalog/topics.ts';
import type { ObjectStore } from '../../lib/stores/objects/objects.ts';
import type { GroupTruth } from './group-truth.ts';
import type { Truth } from './truth.ts';

/** Tells those who judge what each method did that changes something: its arguments and its answer. */
type Observer = Record<string, (args: never, answer: never) => void>;

function observer(truth: Truth, groups: GroupTruth): Observer {
  return {
    'topics.create': (_: unknown, created: Topic | 'taken') => created !== 'taken' && truth.created(created),
    'topics.update': (_: unknown, updated: Topic | 'conflict') => updated !== 'conflict' && truth.updated(updated),
    'topics.delete': ([topic]: [Topic], deleted: boolean) => deleted && truth.gone(topic),
    'partitions.append': (
      [to, entries]: [TopicIdPartition, readonly NewEntry[]],
      { outcomes }: { outcomes: readonly AppendOutcome[] },
    ) => truth.appended(to, entries, outcomes),
    'partitions.raiseLogStart': ([of]: [TopicIdPartition], raised: number | string) =>
      typeof raised === 'number' && truth.logStartRaised(of, raised),
    'groups.claim': (
      [group, generation, claimed]: [string, number, readonly TopicIdPartition[]],
      outcome: CommittedOffset[] | 'fenced',
    ) => outcome !== 'fenced' && groups.claimed(group, generation, claimed, outcome),
    'groups.commit': (
      [group, generation, offsets, options]: [string, number, readonly CommittedOffset[], { forward?: boolean }?],
      outcome: 'committed' | 'fenced',
    ) => outcome === 'committed' && groups.committed(group, generation, offsets, options?.forward ?? false),
  };
}

/** The catalog, with everything that it does told to those who judge it. */
export function observeCatalog(inner: Catalog, truth: Truth, groups: GroupTruth): Catalog {
  const tell = observer(truth, groups);
  const port = <Port extends object>(name: string, methods: Port): Port =>
    new Proxy(methods, {
      get(target, method) {
        const call = Reflect.get(target, method) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          const answer = await call.apply(target, args);
          tell[`${name}.${String(method)}`]?.(args as never, answer as never);
          return answer;
        };
      },
    });
  return {
    ...inner,
    topics: port('topics', inner.topics),
    partitions: port('partitions', inner.partitions),
    groups: port('groups', inner.groups),
  };
}

/** The same for what is inside the SQLite catalog. */
export function observeEngine(inner: Engine, truth: Truth, groups: GroupTruth): Engine {
  const tell = observer(truth, groups);
  return {
    ...inner,
    write(requests, now) {
      const answers = inner.write(requests, now);
      for (const [i, { port, method, args }] of requests.entries()) {
        const answer = answers[i]!;
        if ('value' in answer) tell[`${port}.${method}`]?.(args as never, answer.value as never);
      }
      return answers;
    },
  };
}

export function observeObjects(inner: ObjectStore, truth: Truth): ObjectStore {
  return {
    ...inner,
    async put(name, parts, options) {
      truth.put(name, parts);
      await inner.put(name, parts, options);
    },
    async delete(names, options) {
      truth.deleted(names);
      await inner.delete(names, options);
    },
  };
}
