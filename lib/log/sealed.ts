import { BATCH_OVERHEAD, type Compression, encodeBatch, readHeader } from '../format/records/batch.ts';
import type { NewRecord } from '../format/records/record.ts';
import type { ProducerBatch, TopicIdPartition } from '../stores/catalog/partitions.ts';

/** A record batch as its bytes, with the facts that a segment's index and an entry state. */
export interface SealedBatch {
  bytes: Uint8Array;
  count: number;
  crc: number;
  firstTimestamp: number;
  maxTimestamp: number;
  producer?: ProducerBatch;
}

export function seal(bytes: Uint8Array, header = readHeader(bytes)): SealedBatch {
  return {
    bytes,
    count: header.lastOffsetDelta + 1,
    crc: header.crc,
    firstTimestamp: header.baseTimestamp,
    maxTimestamp: header.maxTimestamp,
    ...(header.producerId >= 0 && {
      producer: { id: header.producerId, epoch: header.producerEpoch, sequence: header.baseSequence },
    }),
  };
}

/** How records become a batch. */
export interface Sealing {
  compression: Compression;
  timestampType: 'CreateTime' | 'LogAppendTime';
  /** A batch's bytes at most, before compression. */
  maxBytes: number;
}

/** What waits for a flush: one partition's records, still to be made a batch, or a batch. */
export interface Pending {
  at: TopicIdPartition;
  /** Bytes, at most what the batch will have. */
  size: number;
  content: { records: readonly NewRecord[]; sealing: Sealing } | { batch: SealedBatch };
  settle: Settle;
}

/** The base offset that was assigned, or why none was. */
export type Settle = (outcome: number | Error) => void;

/** A batch on its way, and who waits for it. */
export interface Outgoing extends SealedBatch {
  settle: Settle;
}

/**
 * Makes batches of one partition's pendings, in order. Records that wait together share a batch: a thousand small appends
 * become one entry.
 */
export function assemble(pendings: readonly Pending[]): Outgoing[] {
  const outgoing: Outgoing[] = [];
  for (let i = 0; i < pendings.length; ) {
    const { content, settle } = pendings[i]!;
    if ('batch' in content) {
      outgoing.push({ ...content.batch, settle });
      i++;
      continue;
    }
    const { sealing } = content;
    const members: { count: number; settle: Settle }[] = [];
    const records: NewRecord[] = [];
    let size = BATCH_OVERHEAD;
    for (; i < pendings.length; i++) {
      const next = pendings[i]!;
      if ('batch' in next.content || !alike(next.content.sealing, sealing)) break;
      const grown = size + next.size - BATCH_OVERHEAD;
      if (members.length > 0 && grown > sealing.maxBytes) break;
      size = grown;
      members.push({ count: next.content.records.length, settle: next.settle });
      for (const record of next.content.records) records.push(record);
    }
    outgoing.push({ ...seal(encodeBatch(records, sealing)), settle: shared(members) });
  }
  return outgoing;
}

function alike(a: Sealing, b: Sealing): boolean {
  return (
    a === b || (a.compression === b.compression && a.timestampType === b.timestampType && a.maxBytes === b.maxBytes)
  );
}

function shared(members: readonly { count: number; settle: Settle }[]): Settle {
  return (outcome) => {
    let base = outcome;
    for (const { count, settle } of members) {
      settle(base);
      if (typeof base === 'number') base += count;
    }
  };
}
