/** POST of records, and of producers: what appends. */
import { httpFunction } from './http-function.ts';

export const handler = httpFunction();
