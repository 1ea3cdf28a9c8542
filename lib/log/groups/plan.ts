import { parseRanges, printRanges } from '../ranges.ts';

/**
 * How the members of a group share its partitions. Pure: whoever notices a change computes the next plan, and one conditional
 * write makes it the one that holds.
 */
export interface Plan {
  /** Those that exist of the topics that members subscribe to, by name. */
  topics: ReadonlyMap<string, PlannedTopic>;
  members: ReadonlyMap<string, PlannedMember>;
}

export interface PlannedTopic {
  id: string;
  partitions: number;
  /** Partitions that were there when the group took the topic up. Those from here on came later: all that they hold is new. */
  first: number;
}

export interface Subscribed {
  topics: readonly string[];
  /** Milliseconds of silence after which it counts as gone. */
  session: number;
}

export interface PlannedMember extends Subscribed {
  /** The partitions that are its own. */
  has: Shares;
  /** Those of them that it is to give up as soon as it is done with what it was handed. */
  gives: Shares;
  /** When it was first told to give up, milliseconds since the epoch; 0 when it is not. */
  since: number;
}

/** Partitions by topic, ascending; topics without any are left out. */
export type Shares = ReadonlyMap<string, readonly number[]>;

interface Place {
  topic: string;
  partition: number;
}

const NONE: Shares = new Map();

export const EMPTY_PLAN: Plan = { topics: new Map(), members: new Map() };

/** With a member, or with what it subscribes to now. What it had it keeps, where it still subscribes to that. */
export function withMember(plan: Plan, id: string, { topics, session }: Subscribed): Plan {
  const { has, gives, since } = plan.members.get(id) ?? { has: NONE, gives: NONE, since: 0 };
  return { ...plan, members: new Map(plan.members).set(id, { topics, session, has, gives, since }) };
}

export function withoutMembers(plan: Plan, gone: readonly string[]): Plan {
  return { ...plan, members: new Map([...plan.members].filter(([id]) => !gone.includes(id))) };
}

/** Without what the member was to give up. */
export function withReleased(plan: Plan, id: string): Plan {
  const member = plan.members.get(id);
  if (!member) return plan;
  return { ...plan, members: new Map(plan.members).set(id, { ...member, has: kept(member), gives: NONE }) };
}

/** With topics as they were found now; undefined: there is none of that name. Those that nobody subscribes to are left out. */
export function withTopics(
  plan: Plan,
  found: ReadonlyMap<string, { id: string; partitions: number } | undefined>,
): Plan {
  const topics = new Map<string, PlannedTopic>();
  for (const name of subscribed(plan)) {
    const before = plan.topics.get(name);
    const now = found.has(name) ? found.get(name) : before;
    if (!now) continue;
    // One that is made anew while the group runs holds nothing that was there before.
    const first = before ? (before.id === now.id ? before.first : 0) : now.partitions;
    topics.set(name, { id: now.id, partitions: now.partitions, first });
  }
  return { ...plan, topics };
}

/** What members subscribe to, in order. */
export function subscribed({ members }: Plan): string[] {
  return [...new Set([...members.values()].flatMap(({ topics }) => topics))].sort();
}

/** Whether it is the one that does what one of the members has to do. */
export function isFirst({ members }: Plan, id: string): boolean {
  return [...members.keys()].sort()[0] === id;
}

/** The partitions that a member is to read. */
export function kept({ has, gives }: Pick<PlannedMember, 'has' | 'gives'>): Shares {
  const left = [...has].map(([topic, partitions]) => {
    const given = new Set(gives.get(topic));
    return [topic, partitions.filter((one) => !given.has(one))] as const;
  });
  return new Map(left.filter(([, partitions]) => partitions.length > 0));
}

/**
 * The plan with every partition given to a member that subscribes to its topic, as evenly as subscriptions allow. Members keep
 * what they have: only what is free is given, and who has too much is to give some up. Always the same for the same plan.
 */
export function settled(plan: Plan, now: number): Plan {
  const ids = [...plan.members.keys()].sort();
  const subscribers = new Map(
    subscribed(plan).map((topic) => [topic, ids.filter((id) => plan.members.get(id)!.topics.includes(topic))]),
  );
  const owned = new Map(ids.map((id) => [id, placesOf(plan, plan.members.get(id)!)]));
  const taken = new Set([...owned.values()].flat().map(nameOf));
  const isFree = (place: Place) => !taken.has(nameOf(place));

  for (const [topic, able] of subscribers) {
    for (let partition = 0; partition < (plan.topics.get(topic)?.partitions ?? 0); partition++) {
      if (!isFree({ topic, partition })) continue;
      const poorest = able.reduce((a, b) => (owned.get(b)!.length < owned.get(a)!.length ? b : a));
      owned.get(poorest)!.push({ topic, partition });
    }
  }

  const given = surplus(owned, subscribers, isFree);
  const members = ids.map((id): [string, PlannedMember] => {
    const before = plan.members.get(id)!;
    const gives = shares(given.get(id)!);
    const since = gives.size === 0 ? 0 : before.since || now;
    return [id, { ...before, has: shares(owned.get(id)!), gives, since }];
  });
  return { ...plan, members: new Map(members) };
}

/** What a member has and may have. */
function placesOf(plan: Plan, { has, topics }: PlannedMember): Place[] {
  return [...has]
    .filter(([topic]) => topics.includes(topic))
    .flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })))
    .filter(({ topic, partition }) => partition < (plan.topics.get(topic)?.partitions ?? 0));
}

/**
 * What the rich are to give up, until nobody has two more than another who might have one of them. What is free, which nobody reads,
 * is moved in `owned` at once: were it to be given up by who has just got it, it would come back to that one as often as it is.
 */
function surplus(
  owned: ReadonlyMap<string, Place[]>,
  subscribers: ReadonlyMap<string, readonly string[]>,
  isFree: (place: Place) => boolean,
) {
  const given = new Map([...owned.keys()].map((id) => [id, [] as Place[]]));
  const freeLast = (a: Place, b: Place) => Number(isFree(a)) - Number(isFree(b)) || byPlace(a, b);
  const left = new Map([...owned].map(([id, places]) => [id, places.toSorted(freeLast)]));
  const counts = new Map([...owned].map(([id, places]) => [id, places.length]));

  function step(): boolean {
    const byCount = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    const byNeed = byCount.toReversed();
    for (const [rich, much] of byCount) {
      for (const [poor, little] of byNeed) {
        if (much - little < 2) break;
        const places = left.get(rich)!;
        const at = places.findLastIndex(({ topic }) => subscribers.get(topic)!.includes(poor));
        if (at < 0) continue;
        const [place] = places.splice(at, 1) as [Place];
        if (isFree(place)) {
          const had = owned.get(rich)!;
          had.splice(had.indexOf(place), 1);
          owned.get(poor)!.push(place);
          left.get(poor)!.push(place);
        } else given.get(rich)!.push(place);
        counts.set(rich, much - 1).set(poor, little + 1);
        return true;
      }
    }
    return false;
  }

  while (step());
  return given;
}

function shares(places: readonly Place[]): Shares {
  const byTopic = Map.groupBy(places.toSorted(byPlace), ({ topic }) => topic);
  return new Map([...byTopic].map(([topic, some]) => [topic, some.map(({ partition }) => partition)]));
}

function byPlace(a: Place, b: Place): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}

function nameOf({ topic, partition }: Place): string {
  return `${topic}#${partition}`;
}

type PrintedTopic = [name: string, id: string, partitions: number, first: number];
type PrintedShares = [topic: string, partitions: string][];
type PrintedMember = [
  id: string,
  session: number,
  topics: readonly string[],
  has: PrintedShares,
  gives: PrintedShares,
  since: number,
];

/** As text. It is read and written with every sign of life of a member, so it is short. */
export function printPlan({ topics, members }: Plan): string {
  const t = [...topics].map(([name, { id, partitions, first }]): PrintedTopic => [name, id, partitions, first]);
  const m = [...members].map(([id, { session, topics: names, has, gives, since }]): PrintedMember => {
    return [id, session, names, printShares(has), printShares(gives), since];
  });
  return JSON.stringify({ t, m });
}

export function parsePlan(text: string): Plan {
  const { t, m } = JSON.parse(text) as { t: PrintedTopic[]; m: PrintedMember[] };
  return {
    topics: new Map(t.map(([name, id, partitions, first]) => [name, { id, partitions, first }])),
    members: new Map(
      m.map(([id, session, topics, has, gives, since]) => [
        id,
        { session, topics, has: parseShares(has), gives: parseShares(gives), since },
      ]),
    ),
  };
}

function printShares(shares: Shares): PrintedShares {
  return [...shares].map(([topic, partitions]) => [topic, printRanges(partitions)]);
}

function parseShares(shares: PrintedShares): Shares {
  return new Map(shares.map(([topic, ranges]) => [topic, parseRanges(ranges)]));
}
