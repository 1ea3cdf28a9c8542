import type { CommittedOffset, Groups, ListedGroup } from '../groups.ts';
import type { TopicIdPartition } from '../partitions.ts';
import type { Database } from './database.ts';
import type { Sync } from './sync.ts';

interface Row {
  topic_id: string;
  partition: number;
  generation: number;
  topic: string | null;
  offset: number | null;
  metadata: string | null;
  leader_epoch: number | null;
}

/** Empty when the partition is claimed and nothing is committed. */
function committedIn(row: Row | undefined): CommittedOffset[] {
  if (!row || row.topic === null || row.offset === null) return [];
  const { topic_id: topicId, partition, topic, offset, metadata, leader_epoch: leaderEpoch } = row;
  const told = { ...(metadata !== null && { metadata }), ...(leaderEpoch !== null && { leaderEpoch }) };
  return [{ topicId, partition, topic, offset, ...told }];
}

interface GroupRow {
  id: string;
  protocol_type: string | null;
}

const listed = ({ id, protocol_type: protocolType }: GroupRow): ListedGroup => {
  return { id, ...(protocolType !== null && { protocolType }) };
};

export function openGroups(db: Database): Sync<Groups> {
  const rowOf = (group: string, { topicId, partition }: TopicIdPartition) =>
    db.get<Row>(
      'SELECT * FROM offsets WHERE group_id = ? AND topic_id = ? AND partition = ?',
      group,
      topicId,
      partition,
    );
  const isFenced = (group: string, generation: number, partitions: readonly TopicIdPartition[]) =>
    partitions.some((of) => (rowOf(group, of)?.generation ?? generation) > generation);
  const register = (group: string) => db.run('INSERT INTO groups (id) VALUES (?) ON CONFLICT DO NOTHING', group);

  return {
    claim(group, generation, partitions) {
      if (isFenced(group, generation, partitions)) return 'fenced';
      register(group);
      for (const { topicId, partition } of partitions) {
        db.run(
          `INSERT INTO offsets (group_id, topic_id, partition, generation) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET generation = excluded.generation`,
          group,
          topicId,
          partition,
          generation,
        );
      }
      return partitions.flatMap((of) => committedIn(rowOf(group, of)));
    },

    commit(group, generation, offsets, { forward = false } = {}) {
      if (isFenced(group, generation, offsets)) return 'fenced';
      register(group);
      for (const { topicId, partition, topic, offset, metadata, leaderEpoch } of offsets) {
        if (forward && (rowOf(group, { topicId, partition })?.offset ?? -1) > offset) continue;
        db.run(
          `INSERT INTO offsets (group_id, topic_id, partition, generation, topic, offset, metadata, leader_epoch)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET generation = excluded.generation, topic = excluded.topic,
             offset = excluded.offset, metadata = excluded.metadata, leader_epoch = excluded.leader_epoch`,
          group,
          topicId,
          partition,
          generation,
          topic,
          offset,
          metadata ?? null,
          leaderEpoch ?? null,
        );
      }
      return 'committed';
    },

    advance(group, at, from, to) {
      const row = rowOf(group, at);
      if (committedIn(row)[0]?.offset !== from) return 'moved';
      register(group);
      db.run(
        `INSERT INTO offsets (group_id, topic_id, partition, generation, topic, offset) VALUES (?, ?, ?, 0, ?, ?)
         ON CONFLICT DO UPDATE SET topic = excluded.topic, offset = excluded.offset, metadata = NULL,
           leader_epoch = NULL`,
        group,
        at.topicId,
        at.partition,
        at.topic,
        to,
      );
      return 'committed';
    },

    forget(group, generation, partitions) {
      if (isFenced(group, generation, partitions)) return 'fenced';
      for (const { topicId, partition } of partitions) {
        db.run(
          `UPDATE offsets SET generation = ?, topic = NULL, offset = NULL, metadata = NULL, leader_epoch = NULL
           WHERE group_id = ? AND topic_id = ? AND partition = ?`,
          generation,
          group,
          topicId,
          partition,
        );
      }
      return 'forgotten';
    },

    offsets(group, partitions) {
      if (partitions) return partitions.flatMap((of) => committedIn(rowOf(group, of)));
      return db.all<Row>('SELECT * FROM offsets WHERE group_id = ?', group).flatMap(committedIn);
    },

    keep(group, generation, state, protocolType) {
      const kept = db.run(
        `INSERT INTO group_states (group_id, generation, state) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET generation = excluded.generation, state = excluded.state
         WHERE generation <= excluded.generation`,
        group,
        generation,
        state,
      );
      if (!kept) return 'fenced';
      db.run(
        `INSERT INTO groups (id, protocol_type) VALUES (?, ?)
         ON CONFLICT DO UPDATE SET protocol_type = excluded.protocol_type`,
        group,
        protocolType,
      );
      return 'kept';
    },

    kept(group, generation) {
      const fenced = db.run(
        `INSERT INTO group_states (group_id, generation, state) VALUES (?, ?, x'')
         ON CONFLICT DO UPDATE SET generation = excluded.generation WHERE generation <= excluded.generation`,
        group,
        generation,
      );
      if (!fenced) return 'fenced';
      const { state } = db.get<{ state: Uint8Array }>('SELECT state FROM group_states WHERE group_id = ?', group)!;
      return state.length > 0 ? state : undefined;
    },

    list({ after, limit = 1000 } = {}) {
      const where = after === undefined ? '' : 'WHERE id > ?';
      const values = after === undefined ? [limit] : [after, limit];
      return db.all<GroupRow>(`SELECT * FROM groups ${where} ORDER BY id LIMIT ?`, ...values).map(listed);
    },

    find(group) {
      const row = db.get<GroupRow>('SELECT * FROM groups WHERE id = ?', group);
      return row && listed(row);
    },

    delete(group) {
      db.run('DELETE FROM offsets WHERE group_id = ?', group);
      db.run('DELETE FROM group_states WHERE group_id = ?', group);
      db.run('DELETE FROM instances WHERE group_id = ?', group);
      return db.run('DELETE FROM groups WHERE id = ?', group) > 0;
    },
  };
}
