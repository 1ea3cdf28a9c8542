import { path, type Requests } from './requests.ts';

export interface GroupOffset {
  topic: string;
  partition: number;
  /** The next offset that the group will read. */
  offset: number;
  metadata?: string | null;
}

export interface GroupLag extends GroupOffset {
  /** The next offset to be assigned. */
  latest: number;
  /** Records that the group has still to read. */
  lag: number;
}

export interface Groups {
  /** Every group's id, in order. */
  list(): AsyncIterable<string>;
  /** GROUP_ID_NOT_FOUND when the group never committed. */
  offsets(group: string): Promise<GroupLag[]>;
  /** OFFSET_OUT_OF_RANGE outside the partition's range; NON_EMPTY_GROUP while a consumer of the library runs. */
  commit(group: string, offsets: readonly GroupOffset[]): Promise<void>;
  /** NON_EMPTY_GROUP while a consumer of the library runs, GROUP_ID_NOT_FOUND when there is no such group. */
  delete(group: string): Promise<void>;
}

/** The door takes this many offsets in one request. */
const MAX_COMMIT = 10_000;

export function groupsOf({ json }: Requests): Groups {
  return {
    async *list() {
      for (let after: string | undefined; ; ) {
        const page = await json<{ groups: string[]; next: string | null }>('GET', '/api/groups', {
          query: { after, limit: 1000 },
        });
        yield* page.groups;
        if (page.next === null) return;
        after = page.next;
      }
    },
    offsets: async (group) => (await json<{ offsets: GroupLag[] }>('GET', path`/api/groups/${group}/offsets`)).offsets,
    async commit(group, offsets) {
      for (let at = 0; at < offsets.length; at += MAX_COMMIT) {
        const body = JSON.stringify({ offsets: offsets.slice(at, at + MAX_COMMIT) });
        await json('PUT', path`/api/groups/${group}/offsets`, { body });
      }
    },
    delete: (group) => json('DELETE', path`/api/groups/${group}`),
  };
}
