import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import type { ObjectStore } from '../../lib/stores/objects/objects.ts';
import type { GroupTruth } from './group-truth.ts';
import type { Truth } from './truth.ts';

/** The catalog, with everything that it does told to those who judge it. */
export function observeCatalog(inner: Catalog, truth: Truth, groups: GroupTruth): Catalog {
  const { topics, partitions } = inner;
  return {
    ...inner,
    topics: {
      ...topics,
      async create(topic) {
        const created = await topics.create(topic);
        if (created !== 'taken') truth.created(created);
        return created;
      },
      async update(topic, to) {
        const updated = await topics.update(topic, to);
        if (updated !== 'conflict') truth.updated(updated);
        return updated;
      },
      async delete(topic) {
        const deleted = await topics.delete(topic);
        if (deleted) truth.gone(topic);
        return deleted;
      },
    },
    partitions: {
      ...partitions,
      async append(to, entries, options) {
        const appended = await partitions.append(to, entries, options);
        truth.appended(to, entries, appended.outcomes);
        return appended;
      },
      async raiseLogStart(of, offset) {
        const raised = await partitions.raiseLogStart(of, offset);
        if (typeof raised === 'number') truth.logStartRaised(of, raised);
        return raised;
      },
    },
    groups: {
      ...inner.groups,
      async claim(group, generation, claimed) {
        const outcome = await inner.groups.claim(group, generation, claimed);
        if (outcome !== 'fenced') groups.claimed(group, generation, claimed, outcome);
        return outcome;
      },
      async commit(group, generation, offsets, options) {
        const outcome = await inner.groups.commit(group, generation, offsets, options);
        // Of a commit that only goes forward some may have been passed over: what is there now is what it did.
        const now = options?.forward ? await inner.groups.offsets(group, offsets) : offsets;
        if (outcome === 'committed') groups.committed(group, generation, now);
        return outcome;
      },
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
