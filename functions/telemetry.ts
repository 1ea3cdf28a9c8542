import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger as LambdaLogger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import type { Logger } from '../lib/doors/http/door.ts';
import type { Meter } from '../lib/log/meter.ts';
import { METRIC_DIMENSION, METRIC_NAMESPACE, METRICS, type MetricName } from './metric-names.ts';

/** What Lambda says of an invocation, as far as it is used here. */
export interface LambdaContext {
  awsRequestId: string;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  memoryLimitInMB: string;
}

/** What a function tells of itself, as lines of JSON that CloudWatch Logs takes; nothing waits for it. */
export interface Telemetry {
  /** With the request's id. Never given keys, values or credentials; of errors that may quote such it tells no message. */
  logger: Logger;
  /** For the log, when it is opened. */
  meter: Meter;
  /** Runs one request, and writes what it came to as one line in CloudWatch's embedded metric format. Requests may run side by side. */
  request<T extends { statusCode: number }>(context: LambdaContext, work: () => Promise<T>): Promise<T>;
}

/**
 * `log` is the metrics' dimension. In the environment, `POWERTOOLS_METRICS_DISABLED=true` switches the metrics off, and
 * `VARVE_LOG_LEVEL=debug` logs every request.
 */
export function lambdaTelemetry(log: string, env: NodeJS.ProcessEnv): Telemetry {
  const lines = new LambdaLogger({
    serviceName: 'varve',
    logLevel: env.VARVE_LOG_LEVEL === 'debug' ? 'DEBUG' : 'INFO',
  });
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE });
  // Powertools brings a dimension of its own, which would be more metrics to pay for.
  metrics.clearDefaultDimensions();
  metrics.setDefaultDimensions({ [METRIC_DIMENSION]: log });
  const counted = new AsyncLocalStorage<Map<MetricName, number>>();
  let cold = true;

  function add(name: MetricName, value: number, combine = (a: number, b: number) => a + b): void {
    const counts = counted.getStore();
    const before = counts?.get(name);
    counts?.set(name, before === undefined ? value : combine(before, value));
  }

  return {
    logger: {
      debug: (facts, message) => lines.debug(message, plain(facts)),
      warn: (facts, message) => lines.warn(message, plain(facts)),
      error: (facts, message) => lines.error(message, plain(facts)),
    },
    meter: {
      appended(records, bytes, seconds) {
        add('RecordsAppended', records);
        add('BytesAppended', bytes);
        add('AppendLatency', seconds * 1000, Math.max);
      },
      flushed() {},
      committed() {},
      fetched: (bytes) => add('BytesFetched', bytes),
    },
    request: (context, work) =>
      counted.run(new Map(), async () => {
        // Of which it takes what is named here.
        lines.addContext(context as Parameters<typeof lines.addContext>[0]);
        if (cold) add('ColdStarts', 1);
        cold = false;
        const answer = await work();
        if (answer.statusCode >= 500) add('Errors', 1);
        if (answer.statusCode === 429) add('Throttles', 1);
        // Nothing else runs between the first and the last of these, so no other request's are among them.
        for (const [name, value] of counted.getStore() ?? []) metrics.addMetric(name, METRICS[name], value);
        if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
        return answer;
      }),
  };
}

function plain(facts: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [name, fact instanceof Error ? describe(fact) : fact]),
  );
}

interface AnyError extends Error {
  code?: string;
  /** The SDK's. */
  $metadata?: { httpStatusCode?: number };
}

/** The SDK's errors quote what was sent, and carry what a table holds; a parser's quote what it read. */
function describe({ name, message, stack, cause, code, $metadata }: AnyError): object {
  return {
    name,
    code,
    status: $metadata?.httpStatusCode,
    ...($metadata === undefined && name !== 'SyntaxError' && { message }),
    // Without the lines before it, which repeat the message.
    stack: stack?.split('\n').flatMap((line) => (/^\s+at /.test(line) ? [line.trim()] : [])),
    ...(cause instanceof Error && { cause: describe(cause) }),
  };
}
