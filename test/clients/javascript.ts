import { here } from './cache.ts';
import type { Client } from './program.ts';

/** What runs in Node alone. */
export const JAVASCRIPT: readonly Client[] = [
  {
    name: 'kafkajs',
    program: [process.execPath, here('javascript/kafkajs.ts')],
    // Snappy and LZ4 it leaves to packages that are no part of it.
    codecs: ['none', 'gzip', 'zstd'],
    assignors: ['RoundRobinAssigner'],
    isStatic: false,
    lacks: ['null header values'],
  },
  {
    name: '@platformatic/kafka',
    program: [process.execPath, here('javascript/platformatic.ts')],
    codecs: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    assignors: ['roundrobin', 'cooperative-sticky'],
    isStatic: true,
    lacks: [],
  },
];
