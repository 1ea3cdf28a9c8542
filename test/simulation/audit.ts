import { compactedName, segmentName } from '../../lib/format/segments/names.ts';
import { createLog } from '../../lib/log/log.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import type { References } from '../../lib/stores/catalog/partitions.ts';
import type { ObjectStore } from '../../lib/stores/objects/objects.ts';
import { chunkOf } from '../support/chunk.ts';
import type { VirtualClock } from './clock.ts';
import type { GroupTruth } from './group-truth.ts';
import type { HostSettings } from './host.ts';
import { isSame } from './payload.ts';
import { describe, type PartitionTruth, type Truth } from './truth.ts';
import type { Check } from './verdict.ts';

export interface Stores {
  catalog: Catalog;
  objects: ObjectStore;
}

type Violate = (check: Check, detail: string) => void;

/** Partitions of topics that exist. */
function* living(truth: Truth): Generator<PartitionTruth> {
  for (const partition of truth.partitions()) {
    const life = truth.lives(partition.topic).at(-1);
    if (life?.id === partition.topicId && life.deleted === Number.POSITIVE_INFINITY) yield partition;
  }
}

/** Every offset that may be read belongs to an entry whose bytes exist. */
export async function checkReachable({ catalog, objects }: Stores, truth: Truth, violate: Violate): Promise<void> {
  for (const at of living(truth)) {
    const of = { topicId: at.topicId, partition: at.partition };
    const head = await catalog.partitions.head(of);
    if (!head) continue;
    if (head.highWatermark !== at.records.length) {
      violate('dense offsets', `${describe(at)} ends at ${head.highWatermark}, ${at.records.length} were appended`);
    }
    for (let offset = head.logStart; offset < head.highWatermark; ) {
      const run = await catalog.partitions.find(of, offset, {
        ...head,
        tail: { ...head.tail, base: head.highWatermark },
      });
      if (!run || run.base > offset) return violate('bytes exist', `offset ${offset} of ${describe(at)} is nowhere`);
      let base = run.base;
      for (const entry of run.entries) {
        if (entry.place === 'segment' && base + entry.count > head.logStart) {
          const name = run.level === 1 ? compactedName(of, run.generation!, entry.id) : segmentName(entry.id);
          const object = await objects.stat(name);
          if (!object) violate('bytes exist', `${name} is gone, offset ${base} of ${describe(at)} is in it`);
        } else if (entry.place === 'chunk' && !(await chunkOf(catalog, of, entry.id))) {
          violate('bytes exist', `the chunk of offset ${base} of ${describe(at)} is gone`);
        }
        base += entry.count;
      }
      if (base <= offset) return violate('bytes exist', `offset ${offset} of ${describe(at)} is nowhere`);
      offset = base;
    }
  }
}

/** Segments are there only for entries that can be reached, and no entry begins a log that retention would not keep. */
export async function auditStorage(
  { catalog, objects }: Stores,
  truth: Truth,
  { skew, shared }: { skew: number; shared: boolean },
  now: number,
  violate: Violate,
): Promise<void> {
  const wanted = new Set<string>();
  for (const at of living(truth)) {
    const of = { topicId: at.topicId, partition: at.partition };
    for (let from: number | undefined = 0; from !== undefined; ) {
      const found: References = await catalog.partitions.references(of, from);
      for (const id of found.segments) wanted.add(segmentName(id));
      from = found.next;
    }
    const head = await catalog.partitions.head(of);
    const topic = await catalog.topics.get(at.topic);
    if (!head || !topic || head.logStart === head.highWatermark) continue;
    const { ms = '-1', bytes = '-1' } = { ms: topic.config['retention.ms'], bytes: topic.config['retention.bytes'] };
    const run = await catalog.partitions.find(of, head.logStart, head);
    const first = at.entries.find(({ end }) => end > head.logStart)!;
    // An index may have made one batch of several.
    const last = run?.level === 1 ? run.entries[0]!.maxTimestamp : first.maxTimestamp;
    if (Number(ms) >= 0 && now - last > Number(ms) + 2 * skew) {
      violate('storage is freed', `${describe(at)} still begins at ${head.logStart}, which is too old`);
    }
    if (!shared && Number(bytes) >= 0 && at.entries.at(-1)!.bytes - first.bytes >= Number(bytes)) {
      violate('storage is freed', `${describe(at)} still begins at ${head.logStart}, which is too much`);
    }
  }
  for (let after = ''; ; ) {
    const page = await objects.list('segments/', { after });
    for (const { name } of page) if (!wanted.has(name)) violate('storage is freed', `nothing points to ${name}`);
    if (page.length === 0) return;
    after = page.at(-1)!.name;
  }
}

/** What the group has committed is what was seen to be committed. */
export async function auditGroup(
  { catalog }: Stores,
  truth: Truth,
  groups: GroupTruth,
  group: string,
  violate: Violate,
): Promise<void> {
  const all = [...living(truth)];
  const told = await catalog.groups.offsets(group, all);
  for (const at of all) {
    const offset = told.find(({ topicId, partition }) => topicId === at.topicId && partition === at.partition)?.offset;
    const expected = groups.offset(group, at);
    if (offset !== expected)
      violate('offsets never go back', `${group} is at ${offset} of ${describe(at)}, not ${expected}`);
  }
}

/** A log without faults, caches or history reads everything: it is what the truth says. */
export async function audit(
  { catalog, objects }: Stores,
  truth: Truth,
  clock: VirtualClock,
  { brokerConfig, prices }: HostSettings,
  violate: Violate,
): Promise<void> {
  await checkReachable({ catalog, objects }, truth, violate);
  const random = (n: number) => new Uint8Array(n);
  const kept = {
    catalog: { ...catalog, close: async () => {} },
    objects: { ...objects, close: async () => {} },
  };
  const log = createLog({ ...kept, clock, random, brokerConfig, prices });
  for (const at of living(truth)) {
    const { topic, partition, records, logStarts } = at;
    let next = logStarts.at(-1)!.offset;
    try {
      for await (const record of log.read(topic, { partition, follow: false })) {
        const placed = records[record.offset];
        const payload = placed && truth.payload(placed.name);
        if (record.offset !== next || !payload || !isSame(record, payload)) {
          return violate('acknowledged is there', `${describe(at)} has something else than ${placed?.name} at ${next}`);
        }
        next++;
      }
    } catch (error) {
      return violate('bytes exist', `${describe(at)} cannot be read at ${next}: ${(error as Error).message}`);
    }
    if (next !== records.length) {
      violate('acknowledged is there', `${describe(at)} can be read up to ${next} of ${records.length}`);
    }
  }
  await log.close();
}
