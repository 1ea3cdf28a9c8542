/** GET: records, offsets, events, topics and groups as they are. */
import { httpFunction } from './http-function.ts';

export const handler = httpFunction();
