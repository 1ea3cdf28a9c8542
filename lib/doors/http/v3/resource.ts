import type { Context } from 'hono';
import { bindingsOf } from '../door.ts';
import { wholeNumber } from '../params.ts';

/** A resource as Confluent's v3 API has it: what it is, where it is, and under which name. */
export interface Resource {
  kind: string;
  metadata: { self: string; resource_name: string | null };
  [field: string]: unknown;
}

/** What follows a resource's address: names, and numbers of partitions and brokers. */
export type Path = readonly (string | number)[];

/** The addresses of one cluster's resources, as the caller reaches them. */
export interface Cluster {
  id: string;
  /** `http://host/v3/clusters/ID` and the rest of the path. */
  url(...path: Path): string;
  related(...path: Path): { related: string };
  resource(kind: string, name: string, path: Path, fields?: Record<string, unknown>): Resource;
  list(kind: string, path: Path, data: Resource[], next?: string | null): Record<string, unknown>;
}

/** `http://host/v3/clusters` as the caller reaches it. */
export function clustersUrl(c: Context): string {
  return `${new URL(c.req.url).origin}${bindingsOf(c).basePath ?? ''}/v3/clusters`;
}

export function clusterAt(c: Context, id: string): Cluster {
  const base = `${clustersUrl(c)}/${encodeURIComponent(id)}`;
  const url = (...path: Path) => [base, ...path.map(segment)].join('/');
  return {
    id,
    url,
    related: (...path) => ({ related: url(...path) }),
    resource: (kind, name, path, fields = {}) => ({
      kind,
      metadata: { self: url(...path), resource_name: `crn:///kafka=${id}${name}` },
      cluster_id: id,
      ...fields,
    }),
    list: (kind, path, data, next = null) => ({ kind, metadata: { self: url(...path), next }, data }),
  };
}

/** The part of a long list that the query asks for: up to `page_size`, `most` at most and by default, after `page_token`. */
export function pageOf(c: Context, most: number): { limit: number; after?: string } {
  const after = c.req.query('page_token');
  const limit = wholeNumber(c, 'page_size', { min: 1, max: most, fallback: most });
  return { limit, ...(after !== undefined && { after }) };
}

/** Where the list at `url` goes on after its last item; null at its end. */
export function nextPage(url: string, { limit }: { limit: number }, items: readonly unknown[], last?: string) {
  if (items.length < limit) return null;
  return `${url}?${new URLSearchParams({ page_size: String(limit), page_token: last ?? '' })}`;
}

function segment(part: string | number): string {
  return encodeURIComponent(part);
}
