/** Plain JSON for people with curl, under `/api`. docs/http.md describes each path. */
import { Hono } from 'hono';
import type { Door } from '../door.ts';
import { groupRoutes } from './groups.ts';
import { partitionRoutes } from './partitions.ts';
import { produceRoutes } from './produce.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { topicRoutes } from './topics.ts';

export function jsonApi(door: Door): Hono {
  const app = new Hono();
  const rooms = [topicRoutes, produceRoutes, partitionRoutes, groupRoutes, subscriptionRoutes];
  for (const routes of rooms) app.route('/api', routes(door));
  return app;
}
