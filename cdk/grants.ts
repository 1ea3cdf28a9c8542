import { Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { nameFault } from '../lib/log/topic-name.ts';
import type { LogApi } from './api.ts';

/**
 * Exactly a cluster's id, which has 22 characters and no "/". In these ARNs "*" spans "/", and what it might span here would be
 * other paths: the door answers nothing below a cluster that is not its own.
 */
const CLUSTER = '?'.repeat(22);
const V3 = `/v3/clusters/${CLUSTER}`;

/** What needs no topic: clients begin with these, and they tell names and counts. */
const LISTS = ['GET/api/topics', 'GET/topics', 'GET/v3/clusters', `GET${V3}/topics`];

/** Method and path of each right, as `execute-api` ARNs end. test/cdk/grants.test.ts has what each of them opens. */
const PATHS = {
  produce: [
    ...LISTS,
    // The topics' descriptions: no records are read under this path.
    `GET${V3}/topics/*`,
    'POST/api/producers',
    'POST/api/topics/*/records',
    'POST/topics/*',
    `POST${V3}/topics/*/records`,
    `POST${V3}/topics/*/records:batch`,
  ],
  consume: [
    'GET/api/*',
    'GET/topics',
    'GET/topics/*',
    'GET/brokers',
    'GET/v3/*',
    'PUT/api/groups/*/offsets',
    'GET/consumers/*',
    'POST/consumers/*',
    'DELETE/consumers/*',
  ],
  admin: [
    'GET/',
    'GET/health',
    'GET/brokers',
    'GET/v3/*',
    'GET/topics',
    'GET/api/topics',
    'GET/api/topics/*/offsets',
    'GET/api/groups',
    'GET/api/groups/*',
    'POST/api/topics',
    'PATCH/api/topics/*',
    'DELETE/api/topics/*',
    'PUT/api/groups/*/offsets',
    'DELETE/api/groups/*',
    `POST${V3}/topics`,
    `POST${V3}/topics/*/configs:alter`,
    `PATCH${V3}/topics/*`,
    `PUT${V3}/topics/*`,
    `DELETE${V3}/topics/*`,
  ],
  produceTopic: (topic: string) => [
    'GET/v3/clusters',
    `GET/api/topics/${topic}`,
    `GET/topics/${topic}`,
    `GET${V3}/topics/${topic}`,
    'POST/api/producers',
    `POST/api/topics/${topic}/records`,
    `POST/api/topics/${topic}/partitions/*/records`,
    `POST/topics/${topic}`,
    `POST/topics/${topic}/partitions/*`,
    `POST${V3}/topics/${topic}/records`,
    `POST${V3}/topics/${topic}/records:batch`,
  ],
  consumeTopic: (topic: string) => [
    'GET/v3/clusters',
    `GET/api/topics/${topic}`,
    `GET/api/topics/${topic}/*`,
    `GET/topics/${topic}`,
    `GET/topics/${topic}/*`,
    `GET${V3}/topics/${topic}`,
    // What lies under /v3/.../topics/- is of all topics.
    ...(topic === '-' ? [] : [`GET${V3}/topics/${topic}/*`]),
  ],
  group: (group: string) => [
    `GET/api/groups/${group}/offsets`,
    `PUT/api/groups/${group}/offsets`,
    `GET${V3}/consumer-groups/${group}`,
    `GET${V3}/consumer-groups/${group}/*`,
  ],
};

/**
 * Rights at the log's API, for callers that sign (SigV4): `execute-api:Invoke` on paths, in all of its dialects. They say nothing
 * of table and bucket, which nobody but the functions needs. Each throws unless the API's `auth` is `iam`.
 *
 * Path and method are all that these rights know: not query, not body, not single records. `GET` does not include `HEAD`.
 */
export class EventLogGrants {
  readonly #api: LogApi;

  constructor(api: LogApi) {
    this.#api = api;
  }

  /** To append to every topic, idempotently too; to list topics, and to describe them under `/v3`: elsewhere their descriptions lie on the way to their records. */
  produce(grantee: iam.IGrantable): iam.Grant {
    return this.#grant('produce', grantee, PATHS.produce);
  }

  /** To read everything, topics, records, groups and configuration, as the REST Proxy's consumers too, and to commit offsets of every group: a path cannot tell commits that go back. */
  consume(grantee: iam.IGrantable): iam.Grant {
    return this.#grant('consume', grantee, PATHS.consume);
  }

  /**
   * To create, alter and delete topics, delete records, set and delete groups' offsets, and see all of that; not to append and
   * not to read records. A topic is described under `/v3`, as for `produce`; for `/api/topics/{topic}` grant `consume` as well.
   */
  admin(grantee: iam.IGrantable): iam.Grant {
    return this.#grant('admin', grantee, PATHS.admin);
  }

  /**
   * To append to one topic, which need not exist yet, and to describe it. Producer ids are not a topic's, so `POST /api/producers`
   * comes with it. Under `/v3` a request of records stays open, and the right is looked at when it begins.
   */
  produceTopic(grantee: iam.IGrantable, topic: string): iam.Grant {
    return this.#grant('produceTopic', grantee, PATHS.produceTopic(checked('topic', topic)));
  }

  /** To read one topic, its configuration included. Offsets are committed to a group: see `group`. */
  consumeTopic(grantee: iam.IGrantable, topic: string): iam.Grant {
    return this.#grant('consumeTopic', grantee, PATHS.consumeTopic(checked('topic', topic)));
  }

  /** To see and commit the offsets of one group, of whatever topics: these are named in the body, which no right can see. */
  group(grantee: iam.IGrantable, group: string): iam.Grant {
    return this.#grant('group', grantee, PATHS.group(checked('group', group)));
  }

  #grant(name: string, grantee: iam.IGrantable, paths: readonly string[]): iam.Grant {
    const { auth } = this.#api;
    if (auth !== 'iam') {
      throw new Error(
        `grants.${name} gives rights to callers that sign, and this API has auth ${auth === 'authorizer' ? 'by an authorizer' : `"${auth}"`}: ` +
          `${INSTEAD[auth]}, or make the log with auth: 'iam'.`,
      );
    }
    const resourceArns = paths.map((path) => {
      const at = path.indexOf('/');
      return this.#api.arnFor(path.slice(0, at), path.slice(at));
    });
    return iam.Grant.addToPrincipal({ grantee, actions: ['execute-api:Invoke'], resourceArns });
  }
}

const INSTEAD = {
  none: 'everybody may call it',
  apiKey: 'hand out its key',
  authorizer: 'let the authorizer decide',
} as const;

/** A name that is one part of a path and stands for itself in an ARN. Kafka allows topics no others; groups may have any. */
function checked(what: 'topic' | 'group', name: string): string {
  if (Token.isUnresolved(name)) {
    throw new Error(
      `The ${what} of a grant must be known when the stack is synthesized: what a token becomes may hold "*" or "/".`,
    );
  }
  const fault = nameFault(name);
  if (fault === undefined) return name;
  throw new Error(
    `A right cannot be given for the ${what} ${JSON.stringify(name)}: ${fault}. ${
      what === 'topic' ? 'Correct the name' : 'Grant consume, which has every group, or choose such a name'
    }.`,
  );
}
