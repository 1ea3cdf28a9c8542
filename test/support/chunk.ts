import type { TimeId } from '../../lib/ids.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import type { TopicIdPartition } from '../../lib/stores/catalog/partitions.ts';

/** The bytes of one chunk entry. */
export async function chunkOf(catalog: Catalog, of: TopicIdPartition, id: TimeId): Promise<Uint8Array | undefined> {
  const [bytes] = await catalog.partitions.chunks(of, [id]);
  return bytes;
}
