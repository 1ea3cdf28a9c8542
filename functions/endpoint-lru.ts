import { LRUCache } from 'lru-cache';

/**
 * Stands in for `mnemonist/lru-cache` in the bundles, which the SDK keeps discovered endpoints in: the cache that is there anyway does
 * the same, and saves 7 KB of each.
 */
export default class extends LRUCache<string, object> {
  constructor(capacity: number) {
    super({ max: capacity });
  }
}
