import type { TopicIdPartition } from '../partitions.ts';
import { backOff, type Engine, storageError } from './engine.ts';
import { findInPages } from './find.ts';
import { appendRequest, type Plan, recordsOf } from './group.ts';
import { decodeHead, type HeadItem } from './head.ts';
import { key } from './keys.ts';
import type { Item } from './table.ts';

/**
 * One attempt to append a group, and what it came to. An unanswered request is never blindly repeated: a mark makes sure that
 * it can never land, then the group's own entry is looked for. The outcome is never concluded from producers' state.
 */
export type Attempt =
  | { status: 'applied'; base: number; head: HeadItem }
  /** Not applied and never will be; this is the head that says so, strongly consistent. */
  | { status: 'refused'; head: HeadItem }
  | { status: 'busy' }
  /** There is no such partition. */
  | { status: 'gone' }
  | { status: 'unknown'; cause: unknown };

export interface Marks {
  /** The attribute that names this process on heads. */
  name: string;
  /** Appends raise the mark themselves: for processes that live long, survives requests that are sent twice. */
  self: boolean;
  /** A number above all earlier ones and above `seen`: milliseconds since the epoch where possible, so that old marks can be told. */
  next(seen?: number): number;
}

export async function attempt(
  engine: Engine,
  marks: Marks,
  at: TopicIdPartition,
  plan: Plan,
  seen: HeadItem,
): Promise<Attempt> {
  const { table } = engine;
  const mark = { name: marks.name, self: marks.self, number: marks.next(seen.marks.get(marks.name)) };
  const request = appendRequest(at, plan, seen, mark);
  const applied = (item: Item | undefined): Attempt => {
    const head = decodeHead(item!);
    return { status: 'applied', base: head.head.highWatermark - recordsOf(plan.group), head };
  };
  const cancelled = (head: HeadItem) => (head.marks.get(marks.name) ?? 0) >= mark.number;
  const abandoned = () => plan.group.every((slot) => slot.settled);

  const answer = await table.update(request);
  if (answer.status === 'ok') return applied(answer.value);
  if (answer.status === 'busy') return { status: 'busy' };
  if (answer.status === 'rejected') return { status: 'unknown', cause: storageError(answer.cause) };
  if (answer.status === 'refused') {
    if (!answer.item) return { status: 'gone' };
    const head = decodeHead(answer.item);
    return cancelled(head) ? locate(head) : { status: 'refused', head };
  }
  return resolve(answer.cause);

  async function resolve(cause: unknown): Promise<Attempt> {
    for (let tries = 1; marks.self && !abandoned(); tries += 1) {
      await backOff(engine, tries);
      const repeated = await table.update(request);
      if (repeated.status === 'ok') return applied(repeated.value);
      if (repeated.status === 'rejected') return { status: 'unknown', cause: repeated.cause };
      if (repeated.status !== 'refused') continue;
      if (!repeated.item) return { status: 'gone' };
      const head = decodeHead(repeated.item);
      if (cancelled(head)) return locate(head);
      break; // Refused for another reason, which may pass: the first request could still land.
    }
    // A fresh number: a process may have frozen since it took the attempt's own, and an old mark would be removed at once.
    const fresh = marks.next();
    for (let tries = 1; !abandoned(); tries += 1) {
      const marked = await table.update({
        key: key.head(at),
        update: 'SET #X = :f',
        condition: 'attribute_exists(pk) AND (attribute_not_exists(#X) OR #X < :f)',
        names: { '#X': marks.name },
        values: { ':f': fresh },
      });
      if (marked.status === 'rejected') return { status: 'unknown', cause: marked.cause };
      if (marked.status === 'ok' || marked.status === 'refused') {
        // A refusal is a success: the mark is higher already.
        const item = marked.status === 'ok' ? marked.value : marked.item;
        return item ? locate(decodeHead(item)) : { status: 'gone' };
      }
      await backOff(engine, tries);
    }
    return { status: 'unknown', cause };
  }

  /** The request can no longer land: it was applied if its first entry is there, above the high watermark known before it. */
  async function locate(head: HeadItem): Promise<Attempt> {
    const { id, position } = plan.group[0]!.entry;
    const before = seen.head.highWatermark;
    const base = await findInPages(engine, at, before, head.head, id, position);
    if (typeof base === 'number') return { status: 'applied', base, head };
    const compacted = head.head.frontier > before || head.head.logStart > before;
    if (base === 'unknown' || compacted) {
      return {
        status: 'unknown',
        cause: new Error('the entries above the last known offset were compacted meanwhile'),
      };
    }
    return { status: 'refused', head };
  }
}
