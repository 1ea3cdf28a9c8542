/** A named claim. Its clock decides liveness only; truth is the epoch, which rises with every change of owner. */
export interface Lease {
  name: string;
  owner: string;
  /** At least 1. */
  epoch: number;
  /** Milliseconds since the epoch by the owner's clock. */
  expires: number;
}

export interface Leases {
  /** Takes a lease that is free, released or expired at `now`; undefined while someone else holds it. */
  acquire(name: string, owner: string, now: number, expires: number): Promise<Lease | undefined>;

  /** Undefined when it was taken over. */
  renew(lease: Lease, expires: number): Promise<Lease | undefined>;

  /** Frees it and keeps its epoch, and the expiry that is given as when it was last held. No effect when it was taken over. */
  release(lease: Lease): Promise<void>;

  /** Undefined when it is free; one that expired is still shown. */
  get(name: string): Promise<Lease | undefined>;

  /** As it was held last, whether it is held, expired or released since; undefined when nobody is known to have held it. */
  last(name: string): Promise<Omit<Lease, 'owner'> | undefined>;
}
