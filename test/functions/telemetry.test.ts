import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { writeLags } from '../../functions/lag-metric.ts';
import { LAG_METRIC, METRIC_NAMESPACE, METRICS } from '../../functions/metric-names.ts';
import { lambdaTelemetry } from '../../functions/telemetry.ts';
import { VarveError } from '../../lib/errors.ts';
import { context } from './gateway.ts';

let written = '';
beforeEach(() => {
  written = '';
  vi.stubEnv('AWS_LAMBDA_INITIALIZATION_TYPE', 'on-demand');
  // CloudWatch Logs takes both.
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      written += String(text);
      return true;
    });
  }
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const lines = () =>
  written
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

it('writes one line of metrics a request, with one dimension', async () => {
  // Given requests that run side by side, the first of which appends twice
  const { request, meter } = lambdaTelemetry('my-table', {});
  const first = request(context, async () => {
    meter.appended(3, 300, 0.02);
    await Promise.resolve();
    meter.appended(2, 200, 0.05);
    return { statusCode: 200 };
  });
  const second = request(context, async () => {
    meter.fetched(7_000);
    return { statusCode: 503 };
  });
  await Promise.all([first, second]);
  await request(context, async () => ({ statusCode: 429 }));
  await request(context, async () => ({ statusCode: 200 }));

  const metrics = lines();
  expect(metrics.map(({ _aws, ...values }) => values)).toEqual([
    { log: 'my-table', BytesFetched: 7_000, Errors: 1 },
    { log: 'my-table', ColdStarts: 1, RecordsAppended: 5, BytesAppended: 500, AppendLatency: 50 },
    { log: 'my-table', Throttles: 1 },
  ]);
  for (const { _aws } of metrics) {
    expect(_aws.CloudWatchMetrics).toHaveLength(1);
    const { Namespace, Dimensions, Metrics } = _aws.CloudWatchMetrics[0];
    expect([Namespace, Dimensions]).toEqual([METRIC_NAMESPACE, [['log']]]);
    for (const { Name, Unit } of Metrics) expect(Unit).toBe(METRICS[Name as keyof typeof METRICS]);
  }
});

it('writes no metrics when they are switched off', async () => {
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
  const { request, meter } = lambdaTelemetry('my-table', {});

  await request(context, async () => {
    meter.appended(1, 1, 1);
    return { statusCode: 500 };
  });

  expect(written).toBe('');
});

it('logs with the request and whether it was the first, debugging only when it is asked to', async () => {
  for (const [env, messages] of [
    [{}, ['warned', 'failed']],
    [{ VARVE_LOG_LEVEL: 'debug' }, ['request', 'warned', 'failed']],
  ] as const) {
    written = '';
    const { request, logger } = lambdaTelemetry('my-table', env);
    await request(context, async () => {
      logger.debug({ path: '/api' }, 'request');
      logger.warn({ path: '/api/topics/a/partitions/0/records', code: 'KAFKA_STORAGE_ERROR' }, 'warned');
      logger.error({ path: '/api' }, 'failed');
      return { statusCode: 200 };
    });

    const logged = lines().filter(({ _aws }) => _aws === undefined);
    expect(logged.map(({ message }) => message)).toEqual(messages);
    for (const line of logged) {
      expect(line).toMatchObject({ service: 'varve', function_request_id: context.awsRequestId, cold_start: true });
    }
    expect(logged.at(-2)).toMatchObject({ level: 'WARN', path: '/api/topics/a/partitions/0/records' });
  }
});

it('tells of an error what it is and where it was, and not what may quote a record', () => {
  const { logger } = lambdaTelemetry('my-table', {});
  const sdk = Object.assign(new Error('The item is secret-1'), {
    name: 'ValidationException',
    $metadata: { httpStatusCode: 400 },
    Item: { k: { S: 'secret-2' } },
  });
  const error = new VarveError('KAFKA_STORAGE_ERROR', 'DynamoDB did not do it; try again.', { cause: sdk });

  logger.error({ err: error }, 'failed');
  logger.error({ err: new SyntaxError('Unexpected token in "secret-3"') }, 'failed');

  const [line, parser] = lines();
  expect(line.err).toMatchObject({
    name: 'VarveError',
    code: 'KAFKA_STORAGE_ERROR',
    message: 'DynamoDB did not do it; try again.',
    cause: { name: 'ValidationException', status: 400 },
  });
  expect(line.err.stack[0]).toMatch(/^at .*telemetry\.test\.ts/);
  expect(parser.err).toMatchObject({ name: 'SyntaxError' });
  expect(written).not.toContain('secret');
});

it('writes what subscriptions lag, with topic and group, and nothing of those that do not', () => {
  const one = { topic: 'orders', group: 'billing', name: 'a', lag: 17 };

  writeLags('my-table', [one, { ...one, group: 'shipping', lag: 0 }, { ...one, topic: 'returns', lag: 1 }]);

  const metrics = lines();
  expect(metrics.map(({ _aws, ...values }) => values)).toEqual([
    { log: 'my-table', topic: 'orders', group: 'billing', OffsetLag: 17 },
    { log: 'my-table', topic: 'returns', group: 'billing', OffsetLag: 1 },
  ]);
  for (const { _aws } of metrics) {
    const [{ Namespace, Dimensions, Metrics }, ...others] = _aws.CloudWatchMetrics;
    expect(others).toEqual([]);
    expect([Namespace, Dimensions]).toEqual([METRIC_NAMESPACE, [['log', 'topic', 'group']]]);
    expect(Metrics).toEqual([{ Name: LAG_METRIC, Unit: 'Count' }]);
  }
});
