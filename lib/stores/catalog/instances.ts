/**
 * What there is to know of a consumer that no process remembers, for whoever serves its next request. In the words of those
 * who use it, at most 250 KB.
 */
export interface Instance {
  name: string;
  /** Rises with every change. */
  version: number;
  state: string;
}

/** Of each group, by name. They are deleted with it. */
export interface Instances {
  get(group: string, name: string): Promise<Instance | undefined>;
  list(group: string): Promise<Instance[]>;
  /** Replaces the state if it still has this version (0: if there is none), or deletes it. False: somebody else was faster. */
  swap(group: string, name: string, version: number, to: string | undefined): Promise<boolean>;
}
