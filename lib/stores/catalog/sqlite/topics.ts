import { VarveError } from '../../../errors.ts';
import type { Topic, Topics } from '../topics.ts';
import type { Database } from './database.ts';
import type { Sync } from './sync.ts';

type Row = Omit<Topic, 'config'> & { config: string };

const toTopic = (row: Row): Topic => ({ ...row, config: JSON.parse(row.config) as Topic['config'] });

export function openTopics(db: Database): Sync<Topics> {
  const get = (name: string) => {
    const row = db.get<Row>('SELECT * FROM topics WHERE name = ?', name);
    return row && toTopic(row);
  };

  const createPartitions = (topicId: string, from: number, to: number) => {
    for (let partition = from; partition < to; partition += 1) {
      db.run('INSERT INTO partitions (topic_id, partition) VALUES (?, ?)', topicId, partition);
    }
  };

  return {
    create(topic) {
      if (get(topic.name)) return 'taken';
      const created = { ...topic, revision: 1 };
      db.run(
        'INSERT INTO topics (name, id, partitions, config, created, revision) VALUES (?, ?, ?, ?, ?, ?)',
        created.name,
        created.id,
        created.partitions,
        JSON.stringify(created.config),
        created.created,
        created.revision,
      );
      createPartitions(topic.id, 0, topic.partitions);
      return created;
    },

    get,

    list({ after = '', limit = 1000 } = {}) {
      return db.all<Row>('SELECT * FROM topics WHERE name > ? ORDER BY name LIMIT ?', after, limit).map(toTopic);
    },

    update(topic, { partitions, config }) {
      const now = get(topic.name);
      if (now?.id !== topic.id || now.revision !== topic.revision) return 'conflict';
      if (partitions < now.partitions) {
        throw new VarveError('INVALID_PARTITIONS', `The topic has ${now.partitions} partitions; it can only grow.`);
      }
      const revision = now.revision + 1;
      db.run(
        'UPDATE topics SET partitions = ?, config = ?, revision = ? WHERE name = ?',
        partitions,
        JSON.stringify(config),
        revision,
        topic.name,
      );
      createPartitions(topic.id, now.partitions, partitions);
      return { ...now, partitions, config, revision };
    },

    delete(topic) {
      if (db.run('DELETE FROM topics WHERE name = ? AND id = ?', topic.name, topic.id) === 0) return false;
      db.run(
        'INSERT INTO deletions (partition, below) SELECT key, high_watermark FROM partitions WHERE topic_id = ?',
        topic.id,
      );
      db.run('DELETE FROM partitions WHERE topic_id = ?', topic.id);
      return true;
    },

    // The engine does it when nothing else is to do.
    purge: () => false,
  };
}
