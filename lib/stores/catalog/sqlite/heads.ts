import type { TopicIdPartition } from '../partitions.ts';
import type { Database } from './database.ts';

/** A row of `partitions`. */
export interface HeadRow {
  key: number;
  highWatermark: number;
  logStart: number;
  frontier: number;
  layer: number;
  generation: string;
  floor: number;
  runningMax: number;
  runningBytes: number;
}

export function headRow(db: Database, { topicId, partition }: TopicIdPartition): HeadRow | undefined {
  return db.get<HeadRow>(
    `SELECT key, high_watermark AS highWatermark, log_start AS logStart, frontier, layer, generation, floor,
       running_max AS runningMax, running_bytes AS runningBytes FROM partitions WHERE topic_id = ? AND partition = ?`,
    topicId,
    partition,
  );
}
