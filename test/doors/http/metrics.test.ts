import { expect, test } from 'vitest';
import { silentMetrics } from '../../../lib/doors/http/metrics.ts';
import { prometheusMetrics } from '../../../lib/doors/http/prometheus.ts';
import { runDoor } from './running-door.ts';

test('/metrics counts requests by the pattern of their path and their status', async () => {
  const door = await runDoor();
  try {
    await door.log.topics.create('secret-name');
    await door.ask('GET', '/api/topics/secret-name/partitions/0/records');
    await door.ask('GET', '/api/topics/other-name');
    await door.ask('GET', '/nothing/here');
    await door.ask('PUT', '/api/topics');
    const { headers, body } = await door.ask('GET', '/metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const counts = Object.fromEntries(
      [...body.matchAll(/^varve_http_request_duration_seconds_count\{(.*)\} (\d+)$/gm)].map(([, labels, n]) => [
        labels,
        Number(n),
      ]),
    );
    expect(counts).toEqual({
      'method="GET",route="/api/topics/:topic/partitions/:partition/records",status="200"': 1,
      'method="GET",route="/api/topics/:topic",status="404"': 1,
      'method="GET",route="none",status="404"': 1,
      'method="PUT",route="none",status="405"': 1,
    });
    expect(body).not.toContain('-name');
  } finally {
    await door.close();
  }
});

test('doors have registries of their own; what the log does is counted', async () => {
  const metrics = prometheusMetrics();
  metrics.meter.appended(3, 300, 0.02);
  metrics.meter.flushed('segment', 300, 0.01);
  metrics.meter.committed(1, 0.001);
  metrics.meter.fetched(50);
  const text = await metrics.shown.text();
  for (const line of [
    'varve_appended_records_total 3',
    'varve_appended_bytes_total 300',
    'varve_flushed_bytes_total{place="segment"} 300',
    'varve_committed_entries_total 1',
    'varve_fetched_bytes_total 50',
  ]) {
    expect(text).toContain(line);
  }
  expect(await prometheusMetrics().shown.text()).toContain('varve_appended_records_total 0');
});

test('a door without metrics to show has no such address', async () => {
  const door = await runDoor({ metrics: silentMetrics });
  try {
    expect((await door.ask('GET', '/metrics')).status).toBe(404);
    expect((await door.ask('GET', '/')).body.api).not.toContain('/metrics');
  } finally {
    await door.close();
  }
});
