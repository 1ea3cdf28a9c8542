/** The functions behind the API. */
export const API_FUNCTIONS = ['produce', 'fetch', 'admin'] as const;
export type ApiFunctionName = (typeof API_FUNCTIONS)[number];

/** All functions: a file each in functions/. */
export const FUNCTIONS = [...API_FUNCTIONS, 'upkeep', 'topics', 'notify', 'deliver', 'subscriptions'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** A path of the API with the function of each method; `ANY` is every other method. */
export type Route = readonly [path: string, methods: Readonly<Record<string, ApiFunctionName>>];

const reads = { GET: 'fetch', HEAD: 'fetch', ANY: 'admin' } as const;
const appends = { ...reads, POST: 'produce' } as const;

/**
 * Who answers what. Every path under which something else lies is named: API Gateway goes no further than the most specific
 * path, and rights per topic are given by paths (`POST/api/topics/orders/*`).
 */
export const ROUTES: readonly Route[] = [
  ['/', reads],
  ['/{proxy+}', reads],

  ['/api/producers', { POST: 'produce' }],
  ['/api/topics', reads],
  ['/api/topics/{topic}', reads],
  ['/api/topics/{topic}/records', appends],
  ['/api/topics/{topic}/partitions/{partition}/records', appends],

  ['/topics', reads],
  ['/topics/{topic}', appends],
  ['/topics/{topic}/partitions', reads],
  ['/topics/{topic}/partitions/{partition}', appends],

  // Reads, and what a consumer says of itself: where it is, and that it is there.
  ['/consumers', reads],
  ['/consumers/{proxy+}', { ANY: 'fetch' }],

  ['/v3/clusters', reads],
  ['/v3/clusters/{cluster}', reads],
  ['/v3/clusters/{cluster}/topics', reads],
  ['/v3/clusters/{cluster}/topics/{topic}', reads],
  ['/v3/clusters/{cluster}/topics/{topic}/records', { POST: 'produce' }],
  ['/v3/clusters/{cluster}/topics/{topic}/records:batch', { POST: 'produce' }],
];
