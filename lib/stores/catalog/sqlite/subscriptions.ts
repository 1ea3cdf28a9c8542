import type { DeliveryState, Subscription, Subscriptions } from '../subscriptions.ts';
import type { Database } from './database.ts';
import type { Sync } from './sync.ts';

export function openSubscriptions(db: Database): Sync<Subscriptions> {
  return {
    put(subscription) {
      db.run(
        `INSERT INTO subscriptions (topic, name, settings) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET settings = excluded.settings`,
        subscription.topic,
        subscription.name,
        JSON.stringify(subscription),
      );
    },

    list() {
      return db
        .all<{ settings: string }>('SELECT settings FROM subscriptions ORDER BY topic, name')
        .map(({ settings }) => JSON.parse(settings) as Subscription);
    },

    delete(topic, name) {
      if (db.run('DELETE FROM subscriptions WHERE topic = ? AND name = ?', topic, name) === 0) return false;
      const other = db.get('SELECT 1 FROM subscriptions WHERE name = ? LIMIT 1', name);
      if (!other) db.run('DELETE FROM deliveries WHERE subscription = ?', name);
      return true;
    },

    state({ subscription, topicId, partition }) {
      const row = db.get<{ version: number; state: string }>(
        'SELECT version, state FROM deliveries WHERE subscription = ? AND topic_id = ? AND partition = ?',
        subscription,
        topicId,
        partition,
      );
      return row && { ...(JSON.parse(row.state) as DeliveryState), version: row.version };
    },

    swap({ subscription, topicId, partition }, version, to) {
      const state = JSON.stringify(to);
      if (version === 0) {
        return (
          db.run(
            `INSERT INTO deliveries (subscription, topic_id, partition, version, state) VALUES (?, ?, ?, 1, ?)
             ON CONFLICT DO NOTHING`,
            subscription,
            topicId,
            partition,
            state,
          ) > 0
        );
      }
      return (
        db.run(
          `UPDATE deliveries SET version = version + 1, state = ?
           WHERE subscription = ? AND topic_id = ? AND partition = ? AND version = ?`,
          state,
          subscription,
          topicId,
          partition,
          version,
        ) > 0
      );
    },
  };
}
