import type { Context } from 'hono';
import { bindingsOf } from '../door.ts';

/** A resource as Confluent's v3 API has it: what it is, where it is, and under which name. */
export interface Resource {
  kind: string;
  metadata: { self: string; resource_name: string | null };
  [field: string]: unknown;
}

/** The addresses of one cluster's resources, as the caller reaches them. */
export interface Cluster {
  id: string;
  /** `http://host/v3/clusters/ID` and the rest of the path. */
  url(...path: (string | number)[]): string;
  resource(kind: string, name: string, path: (string | number)[], fields?: Record<string, unknown>): Resource;
  list(kind: string, path: (string | number)[], data: Resource[], next?: string | null): Record<string, unknown>;
}

/** `http://host/v3/clusters` as the caller reaches it. */
export function clustersUrl(c: Context): string {
  return `${new URL(c.req.url).origin}${bindingsOf(c).basePath ?? ''}/v3/clusters`;
}

export function clusterAt(c: Context, id: string): Cluster {
  const base = `${clustersUrl(c)}/${encodeURIComponent(id)}`;
  const url = (...path: (string | number)[]) => [base, ...path.map(segment)].join('/');
  return {
    id,
    url,
    resource: (kind, name, path, fields = {}) => ({
      kind,
      metadata: { self: url(...path), resource_name: `crn:///kafka=${id}${name}` },
      cluster_id: id,
      ...fields,
    }),
    list: (kind, path, data, next = null) => ({ kind, metadata: { self: url(...path), next }, data }),
  };
}

function segment(part: string | number): string {
  return encodeURIComponent(part);
}
