import type { FunctionName } from './routes.ts';

export interface Rights {
  /** Of DynamoDB, each for partition keys of these forms. */
  table: readonly { actions: readonly string[]; keys: readonly string[] }[];
  /** Of S3, each for names of these forms. */
  objects: readonly { actions: readonly string[]; names: readonly string[] }[];
  /** Without it, S3 does not say of an object that it is missing. */
  listObjects: boolean;
}

/**
 * What each function's own code needs, and no more: test/cdk/rights-in-use.test.ts runs it. The catalog's keys are in
 * lib/stores/catalog/dynamodb/keys.ts. A transaction needs the rights of the writes that it holds.
 */
export const RIGHTS: Readonly<Record<FunctionName, Rights>> = {
  produce: {
    table: [
      { actions: ['dynamodb:GetItem'], keys: ['meta', 'topics', 'partition#*'] },
      // Of pages: where a batch is that was sent before, and whether one without an answer was appended.
      { actions: ['dynamodb:Query'], keys: ['partition#*'] },
      { actions: ['dynamodb:UpdateItem'], keys: ['meta', 'partition#*'] },
      { actions: ['dynamodb:PutItem'], keys: ['meta', 'partition#*', 'chunk#*'] },
    ],
    // It reads what it put itself, where S3 did not answer and then has the name taken.
    objects: [{ actions: ['s3:PutObject', 's3:GetObject'], names: ['segments/*'] }],
    listObjects: false,
  },
  fetch: {
    table: [
      {
        actions: ['dynamodb:GetItem'],
        keys: ['meta', 'topics', 'partition#*', 'chunk#*', 'groups', 'group#*', 'lease#*'],
      },
      { actions: ['dynamodb:BatchGetItem'], keys: ['partition#*', 'group#*'] },
      { actions: ['dynamodb:Query'], keys: ['topics', 'partition#*', 'groups', 'group#*'] },
      // The first function that ever opens the log writes the format's version. All else is of consumer instances: what they are,
      // that they are members of their group, and what they commit.
      { actions: ['dynamodb:PutItem'], keys: ['meta', 'groups', 'group#*'] },
      { actions: ['dynamodb:UpdateItem'], keys: ['group#*', 'lease#*'] },
      { actions: ['dynamodb:DeleteItem'], keys: ['group#*'] },
    ],
    objects: [{ actions: ['s3:GetObject'], names: ['segments/*', 'compacted/*'] }],
    listObjects: true,
  },
  admin: {
    table: [
      { actions: ['dynamodb:GetItem'], keys: ['meta', 'topics', 'partition#*', 'groups', 'lease#*'] },
      // The lag of a group whose offsets were set.
      { actions: ['dynamodb:Query'], keys: ['group#*'] },
      { actions: ['dynamodb:PutItem'], keys: ['meta', 'topics', 'deletions', 'partition#*', 'groups'] },
      { actions: ['dynamodb:UpdateItem'], keys: ['partition#*', 'group#*', 'lease#*'] },
      { actions: ['dynamodb:DeleteItem'], keys: ['topics', 'partition#*', 'groups', 'group#*'] },
    ],
    objects: [],
    listObjects: false,
  },
  topics: {
    table: [
      { actions: ['dynamodb:GetItem'], keys: ['meta', 'topics'] },
      { actions: ['dynamodb:PutItem'], keys: ['meta', 'topics', 'deletions', 'partition#*'] },
      { actions: ['dynamodb:DeleteItem'], keys: ['topics', 'partition#*'] },
    ],
    objects: [],
    listObjects: false,
  },
  notify: {
    table: [
      { actions: ['dynamodb:GetItem'], keys: ['meta', 'topics', 'subscription#*'] },
      // What the sweep compares.
      { actions: ['dynamodb:BatchGetItem'], keys: ['partition#*', 'group#*'] },
      { actions: ['dynamodb:Query'], keys: ['subscriptions'] },
      { actions: ['dynamodb:PutItem'], keys: ['meta', 'subscription#*'] },
    ],
    objects: [],
    listObjects: false,
  },
  deliver: {
    table: [
      { actions: ['dynamodb:GetItem'], keys: ['meta', 'partition#*', 'chunk#*', 'subscription#*'] },
      { actions: ['dynamodb:BatchGetItem'], keys: ['group#*'] },
      { actions: ['dynamodb:Query'], keys: ['subscriptions', 'partition#*'] },
      { actions: ['dynamodb:PutItem'], keys: ['meta', 'groups', 'subscription#*'] },
      { actions: ['dynamodb:UpdateItem'], keys: ['group#*'] },
    ],
    objects: [{ actions: ['s3:GetObject'], names: ['segments/*', 'compacted/*'] }],
    listObjects: true,
  },
  subscriptions: {
    table: [
      // Heads, batches and pages for where a time is in a partition.
      { actions: ['dynamodb:GetItem'], keys: ['meta', 'topics', 'partition#*', 'chunk#*', 'subscription#*'] },
      { actions: ['dynamodb:BatchGetItem'], keys: ['partition#*', 'group#*'] },
      { actions: ['dynamodb:Query'], keys: ['subscriptions', 'subscription#*', 'partition#*'] },
      { actions: ['dynamodb:PutItem'], keys: ['meta', 'groups', 'subscriptions', 'subscription#*'] },
      // It says of a group that its subscription left it.
      { actions: ['dynamodb:UpdateItem'], keys: ['group#*', 'lease#*'] },
      { actions: ['dynamodb:DeleteItem'], keys: ['subscriptions', 'subscription#*'] },
    ],
    objects: [{ actions: ['s3:GetObject'], names: ['segments/*', 'compacted/*'] }],
    listObjects: true,
  },
  upkeep: {
    table: [
      // Of groups: whether anybody has been in them lately; those that nobody was in it deletes.
      { actions: ['dynamodb:GetItem'], keys: ['meta', 'partition#*', 'groups', 'lease#*'] },
      { actions: ['dynamodb:BatchGetItem'], keys: ['partition#*'] },
      {
        actions: ['dynamodb:Query'],
        keys: ['topics', 'deletions', 'partition#*', 'chunk#*', 'groups', 'group#*', 'subscriptions'],
      },
      // It rolls a tail whose entries retention gave up.
      { actions: ['dynamodb:PutItem'], keys: ['meta', 'partition#*'] },
      { actions: ['dynamodb:UpdateItem'], keys: ['deletions', 'partition#*', 'lease#*'] },
      { actions: ['dynamodb:DeleteItem'], keys: ['deletions', 'partition#*', 'chunk#*', 'groups', 'group#*'] },
    ],
    objects: [{ actions: ['s3:DeleteObject'], names: ['segments/*'] }],
    listObjects: true,
  },
};
