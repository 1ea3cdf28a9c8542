/** Changes of topics, of the offsets of groups, and of where a log starts. */
import { httpFunction } from './http-function.ts';

export const handler = httpFunction();
