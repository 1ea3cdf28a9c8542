import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Meter } from '../../log/meter.ts';
import type { Metrics } from './metrics.ts';

/** The door's metrics and the log's, shown in Prometheus' text format. */
export interface PrometheusMetrics extends Required<Metrics> {
  /** For the log, when it is opened. */
  meter: Meter;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** With a registry of its own. `process: true` adds what Node says of the process: once a process. */
export function prometheusMetrics(options: { process?: boolean } = {}): PrometheusMetrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.process) collectDefaultMetrics({ register: registry });
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, labelNames: string[] = []) =>
    new Histogram({ name, help, labelNames, registers, buckets: SECONDS });

  const requests = histogram('varve_http_request_duration_seconds', 'Requests until their answer begins.', [
    'method',
    'route',
    'status',
  ]);
  const followed = new Gauge({
    name: 'varve_http_followed_partitions',
    help: 'Partitions that event streams follow.',
    registers,
  });
  const records = counter('varve_appended_records_total', 'Records appended.');
  const bytes = counter('varve_appended_bytes_total', 'Bytes of the records appended.');
  const flushedBytes = counter('varve_flushed_bytes_total', 'Bytes of batches made durable.', ['place']);
  const flushes = histogram('varve_flush_duration_seconds', 'Flushes until they are durable.', ['place']);
  const entries = counter('varve_committed_entries_total', 'Entries committed to the catalog.');
  const commits = histogram('varve_commit_duration_seconds', 'Commits to the catalog.');
  const fetched = counter('varve_fetched_bytes_total', 'Bytes of batches read.');

  return {
    meter: {
      appended(count, size) {
        records.inc(count);
        bytes.inc(size);
      },
      flushed(place, size, seconds) {
        flushedBytes.inc({ place }, size);
        flushes.observe({ place }, seconds);
      },
      committed(count, seconds) {
        entries.inc(count);
        commits.observe(seconds);
      },
      fetched: (size) => fetched.inc(size),
    },
    request: (method, route, status, seconds) => requests.observe({ method, route, status }, seconds),
    following: (partitions) => followed.inc(partitions),
    shown: { contentType: registry.contentType, text: () => registry.metrics() },
  };
}
