/** A lease that several hold together: a group's, by those of its members that no coordinator process leads. */
export interface Membership {
  /** The lease's epoch: rises with every change of the plan, and of who holds the lease. */
  generation: number;
  /** What the members agreed on, in their own words; at most 250 KB. */
  plan: string;
  /** When each member counts as gone, milliseconds since the epoch by its own clock. */
  expires: Readonly<Record<string, number>>;
}

export interface MembershipChange {
  plan: string;
  /** Members that join, or are heard of, and when they count as gone. */
  present: Readonly<Record<string, number>>;
  gone?: readonly string[];
  /** When the lease expires. */
  until: number;
}

/** Who holds a lease together with others, as `Leases` shows it. */
export const MEMBERS = 'members';

/** `lease`: its name. A lease that others hold is none of these; `Leases.release` ends one. */
export interface Memberships {
  /** Undefined when members do not hold the lease; one that expired is still shown. */
  get(lease: string): Promise<Membership | undefined>;

  /** Takes a lease that is free, released or expired at `now`, for these members alone; undefined while somebody holds it. */
  begin(lease: string, change: MembershipChange, now: number): Promise<Membership | undefined>;

  /** Puts another plan in place of the one of this generation; undefined when that is no longer the one that holds. */
  change(lease: string, generation: number, change: MembershipChange): Promise<Membership | undefined>;

  /** Says that a member is there: until `expires`, and the lease until `until`. Undefined when it is not, or no longer, a member. */
  renew(lease: string, member: string, expires: number, until: number): Promise<Membership | undefined>;
}
