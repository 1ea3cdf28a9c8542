import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { routePath } from 'hono/route';
import { secureHeaders } from 'hono/secure-headers';
import type { StatusCode } from 'hono/utils/http-status';
import type { Clock } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import { type BrokerConfig, type Endpoint, parseBrokerConfig } from '../../log/broker-config.ts';
import type { EventLog } from '../../log/event-log.ts';
import { json, noSuchResource, text } from './answers.ts';
import { createBudget } from './budget.ts';
import { type Door, type Logger, silentLogger } from './door.ts';
import { answerTo, type Dialect, HttpProblem } from './errors.ts';
import { events } from './events/events.ts';
import { health } from './health.ts';
import { onlyKnownHosts } from './hosts.ts';
import { jsonApi } from './json/json.ts';
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from './limits.ts';
import { type Metrics, silentMetrics } from './metrics.ts';
import { v2 } from './v2/v2.ts';
import { v3 } from './v3/v3.ts';

export interface HttpDoorDeps {
  log: EventLog;
  clock: Clock;
  limits?: Partial<HttpLimits>;
  /** Hosts, without port, by which the door is reached besides loopback; `*` allows any. Default none. */
  allowedHosts?: readonly string[];
  /** Origins whose web pages may call it, such as `https://app.example.com`. Default none. */
  corsOrigins?: readonly string[];
  /** Default none: there is no `/metrics` then. */
  metrics?: Metrics;
  /** Hosts, without port, whose URLs may subscribe to topics; `*` allows any. Default none: for logs that do not deliver by themselves. */
  targetHosts?: readonly string[];
  logger?: Logger;
  /** What clients are shown of the broker, its id as well. Default Kafka's. */
  config?: BrokerConfig;
  /** Where this process speaks Kafka's protocol; an empty host is the one by which this door is reached. Default: nowhere. */
  kafka?: Endpoint;
  /** Aborts when the process stops: reads that wait and event streams then end. */
  stopping?: AbortSignal;
}

/** The HTTP door: REST Proxy v2 and v3, plain JSON, server-sent events, `/health`, and `/metrics` if there are any. docs/http.md describes it. */
export function httpDoor(deps: HttpDoorDeps): Hono {
  const limits = { ...DEFAULT_HTTP_LIMITS, ...deps.limits };
  const { log, clock, allowedHosts = [], corsOrigins = [] } = deps;
  const door: Door = {
    log,
    clock,
    limits,
    budget: createBudget(limits.maxHeldBytes, limits.maxQueueing, clock),
    metrics: deps.metrics ?? silentMetrics,
    targetHosts: deps.targetHosts ?? [],
    logger: deps.logger ?? silentLogger,
    config: deps.config ?? parseBrokerConfig([]),
    kafka: deps.kafka,
    stopping: deps.stopping ?? new AbortController().signal,
  };
  const { shown } = door.metrics;
  // A slash at an address's end changes nothing: the proxy's clients may write it.
  const app = new Hono({ strict: false });

  app.use(async function measured(c, next) {
    const begun = clock.monotonic();
    await next();
    const seconds = (clock.monotonic() - begun) / 1000;
    const { method } = c.req;
    const pattern = routePath(c, -1);
    const route = pattern.endsWith('*') ? 'none' : pattern;
    door.metrics.request(method, route, c.res.status, seconds);
    door.logger.debug({ method, path: c.req.path, status: c.res.status, ms: Math.round(seconds * 1000) }, 'request');
  });
  app.use(
    secureHeaders({ strictTransportSecurity: false, originAgentCluster: false, xDownloadOptions: false }),
    async function fresh(c, next) {
      await next();
      c.header('cache-control', 'no-store');
    },
  );
  app.use(onlyKnownHosts(allowedHosts, corsOrigins));
  if (corsOrigins.length > 0) app.use(cors({ origin: [...corsOrigins], exposeHeaders: ['location', 'retry-after'] }));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed(c, methods) {
        c.header('allow', methods.join(', '));
        return failed(c, new HttpProblem('METHOD_NOT_ALLOWED', `This address takes ${methods.join(', ')}.`));
      },
    }),
  );

  app.get('/', (c) =>
    json(c, {
      name: 'varve',
      cluster_id: log.clusterId,
      api: ['/api', '/topics', '/v3/clusters', '/health', ...(shown ? ['/metrics'] : [])],
    }),
  );
  app.get('/health', (c) => health(c, door));
  if (shown) app.get('/metrics', async (c) => text(c, await shown.text(), 200, shown.contentType));
  for (const room of [v2, v3, jsonApi, events]) app.route('/', room(door));

  app.notFound((c) => failed(c, noSuchResource()));
  app.onError((error, c) => failed(c, error));

  async function failed(c: Context, error: unknown): Promise<Response> {
    if (c.req.raw.signal.aborted) return c.newResponse(null, CLIENT_CLOSED);
    const dialect = dialectOf(c.req.path);
    const { status, body, foreseen } = answerTo(error, dialect, { partition: await isPartitionUnknown(c, error) });
    if (!foreseen) door.logger.error({ err: error, method: c.req.method, path: c.req.path }, 'request failed');
    else if (status >= 500) door.logger.warn({ code: body.code, path: c.req.path }, body.message);
    if (body.retriable) c.header('retry-after', '1');
    return json(c, body, status, dialect);
  }

  /** The log says the same of a topic and of a partition that there is none. */
  async function isPartitionUnknown(c: Context, error: unknown): Promise<boolean> {
    const topic = c.req.param('topic');
    const asked = topic !== undefined && c.req.param('partition') !== undefined;
    if (!asked || !(error instanceof VarveError) || error.code !== 'UNKNOWN_TOPIC_OR_PARTITION') return false;
    return log.topics.describe(topic).then(
      () => true,
      () => false,
    );
  }

  return app;
}

/** nginx's number for a client that went before its answer: for logs and metrics, nobody reads it. */
const CLIENT_CLOSED = { status: 499 as StatusCode };

function dialectOf(path: string): Dialect {
  if (path.startsWith('/v3/')) return 'v3';
  return /^\/(topics|brokers|consumers)(\/|$)/.test(path) ? 'v2' : 'json';
}
