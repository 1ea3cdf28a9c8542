import type { FunctionName } from '../../cdk/routes.ts';

/** A key of each form that the table holds, by DESIGN's list of them, and of forms that nobody has. */
export const KEYS = {
  meta: 'meta',
  topics: 'topics',
  deletions: 'deletions',
  partition: 'partition#0b3c#7',
  chunk: 'chunk#0b3c#7#15',
  groups: 'groups',
  group: 'group#billing',
  lease: 'lease#upkeep',
  staged: 'staged#0b3c#7',
  transactions: 'transactions',
  transaction: 'transaction#x',
  subscriptions: 'subscriptions',
  subscription: 'subscription#x',
  principals: 'principals',
  other: 'metadata',
} as const;
export type KeyForm = keyof typeof KEYS;

export const OBJECTS = {
  segments: 'segments/0f/0192b3c4d5e6f70f',
  compacted: 'compacted/0f/0b3c_7_g_0192b3c4d5e6f70f',
  other: 'groups/state',
} as const;

export const ITEM_ACTIONS = [
  'GetItem',
  'BatchGetItem',
  'Query',
  'Scan',
  'PutItem',
  'UpdateItem',
  'DeleteItem',
  'BatchWriteItem',
  'ConditionCheckItem',
  'PartiQLSelect',
] as const;
export const TABLE_ACTIONS = [
  'DescribeTable',
  'UpdateTable',
  'DeleteTable',
  'UpdateTimeToLive',
  'CreateBackup',
] as const;
export const OBJECT_ACTIONS = [
  'GetObject',
  'PutObject',
  'DeleteObject',
  'PutObjectAcl',
  'AbortMultipartUpload',
] as const;
export const BUCKET_ACTIONS = ['ListBucket', 'DeleteBucket', 'PutBucketPolicy', 'PutLifecycleConfiguration'] as const;

export interface Expected {
  items: Partial<Record<(typeof ITEM_ACTIONS)[number], KeyForm[]>>;
  objects: Partial<Record<(typeof OBJECT_ACTIONS)[number], (keyof typeof OBJECTS)[]>>;
  bucket: (typeof BUCKET_ACTIONS)[number][];
}

/** What each function may do, all of it. */
export const MATRIX: Readonly<Record<FunctionName, Expected>> = {
  produce: {
    items: {
      GetItem: ['meta', 'topics', 'partition'],
      Query: ['partition'],
      PutItem: ['meta', 'partition', 'chunk'],
      UpdateItem: ['meta', 'partition'],
    },
    objects: { GetObject: ['segments'], PutObject: ['segments'] },
    bucket: [],
  },
  fetch: {
    items: {
      GetItem: ['meta', 'topics', 'partition', 'chunk', 'groups', 'group', 'lease'],
      BatchGetItem: ['partition', 'group'],
      Query: ['topics', 'partition', 'groups', 'group'],
      PutItem: ['meta', 'groups', 'group'],
      UpdateItem: ['group', 'lease'],
      DeleteItem: ['group'],
    },
    objects: { GetObject: ['segments', 'compacted'] },
    bucket: ['ListBucket'],
  },
  admin: {
    items: {
      GetItem: ['meta', 'topics', 'partition', 'groups', 'lease'],
      Query: ['group'],
      PutItem: ['meta', 'topics', 'deletions', 'partition', 'groups'],
      UpdateItem: ['partition', 'group', 'lease'],
      DeleteItem: ['topics', 'partition', 'groups', 'group'],
    },
    objects: {},
    bucket: [],
  },
  upkeep: {
    items: {
      GetItem: ['meta', 'partition', 'groups', 'lease'],
      BatchGetItem: ['partition'],
      Query: ['topics', 'deletions', 'partition', 'chunk', 'groups', 'group', 'subscriptions'],
      PutItem: ['meta', 'partition'],
      UpdateItem: ['deletions', 'partition', 'lease'],
      DeleteItem: ['deletions', 'partition', 'chunk', 'groups', 'group'],
    },
    objects: { DeleteObject: ['segments'] },
    bucket: ['ListBucket'],
  },
  notify: {
    items: {
      GetItem: ['meta', 'topics', 'subscription'],
      BatchGetItem: ['partition', 'group'],
      Query: ['subscriptions'],
      PutItem: ['meta', 'subscription'],
    },
    objects: {},
    bucket: [],
  },
  deliver: {
    items: {
      GetItem: ['meta', 'partition', 'chunk', 'subscription'],
      BatchGetItem: ['group'],
      Query: ['partition', 'subscriptions'],
      PutItem: ['meta', 'groups', 'subscription'],
      UpdateItem: ['group'],
    },
    objects: { GetObject: ['segments', 'compacted'] },
    bucket: ['ListBucket'],
  },
  subscriptions: {
    items: {
      GetItem: ['meta', 'topics', 'partition', 'chunk', 'subscription'],
      BatchGetItem: ['partition', 'group'],
      Query: ['partition', 'subscriptions', 'subscription'],
      PutItem: ['meta', 'groups', 'subscriptions', 'subscription'],
      UpdateItem: ['group', 'lease'],
      DeleteItem: ['subscriptions', 'subscription'],
    },
    objects: { GetObject: ['segments', 'compacted'] },
    bucket: ['ListBucket'],
  },
  topics: {
    items: {
      GetItem: ['meta', 'topics'],
      PutItem: ['meta', 'topics', 'deletions', 'partition'],
      DeleteItem: ['topics', 'partition'],
    },
    objects: {},
    bucket: [],
  },
};
