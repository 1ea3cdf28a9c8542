import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveDashboard } from '../../examples/dashboard/serve.ts';
import { SHOPS } from '../../examples/demo/orders.ts';
import { type Demo, runDemo } from '../../examples/demo/run-demo.ts';
import { connect } from '../../lib/client/client.ts';
import { runApiGateway } from '../support/api-gateway.ts';
import { chromiumMissing, startChromium } from '../support/chromium.ts';
import { dynoxideMissing } from '../support/dynoxide.ts';
import { type ServerProcess, startServer } from '../support/server.ts';
import { openDashboard } from './dashboard.ts';

const missing = chromiumMissing ?? dynoxideMissing;
const WIDE = { width: 1160, height: 900, colorScheme: 'light' } as const;
const PHONE = { width: 360, height: 780, colorScheme: 'dark' } as const;

describe.skipIf(missing)(`the dashboard, in a browser${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let folder: string;
  let server: ServerProcess;
  let demo: Demo;
  let browser: Browser;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'varve-dashboard-'));
    server = await startServer(join(folder, 'data'));
    const page = { port: 0, folder: join(folder, 'page') };
    [demo, browser] = await Promise.all([
      runDemo({ url: server.url, rate: 4, history: 60_000, ...page }),
      startChromium(),
    ]);
  });

  afterAll(async () => {
    await browser?.close();
    await demo?.close();
    await server?.stop();
    await rm(folder, { recursive: true });
  });

  it('shows what the processors make of the orders, as they come', async () => {
    const { page, complaints, order } = await openDashboard(browser, demo.url, WIDE);

    const row = await order(connect(server.url), 'bergen', { id: 'FIRST', cents: 1_234_56 });

    expect(row).toMatch(/^\d\d:\d\d:\d\d Fjord Books, Bergen FIRST (large ?)?€1,234.56$/);
    await page.locator('#orders tbody tr', { hasText: 'FIRST' }).locator('.large').waitFor();
    await page.locator('#connection', { hasText: 'live, by server-sent events' }).waitFor();
    for (const { name, city } of Object.values(SHOPS)) {
      await page.locator('#shops li', { hasText: `${name}, ${city}` }).waitFor();
    }
    await page.locator('#orders-a-minute', { hasText: /^[1-9]\d*$/ }).waitFor();
    await page.locator('#average-order', { hasText: /^€\d+\.\d\d$/ }).waitFor();
    await page.locator('#large-orders', { hasText: /^[1-9]\d*$/ }).waitFor();
    expect(await page.locator('#orders tbody tr').count()).toBe(8);
    expect(await page.locator('.chart canvas').count()).toBe(2);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('shows how far each processor is, in each partition', async () => {
    const { page } = await openDashboard(browser, demo.url, WIDE);
    const rows = page.locator('#partitions tbody tr');
    await rows.nth(3).waitFor();

    const cells = await rows.evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
    expect(cells.map(([name]) => name)).toEqual(['average, orders', 'filter, orders', 'join, orders', 'join, shops']);
    for (const [, ...lags] of cells) expect(lags.slice(0, 4).every((lag) => /^\d+$/.test(lag ?? ''))).toBe(true);
    await page.locator('#lag', { hasText: /^\d+$/ }).waitFor();
    await page.close();
  });

  it('fits a phone, and is dark where that is wished', async () => {
    const { page } = await openDashboard(browser, demo.url, PHONE);
    await page.locator('#shops li').first().waitFor();
    await page.locator('#orders tbody tr').first().waitFor();

    const [wide, shown] = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]');
    expect(wide).toBe(shown);
    const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(background).toBe('rgb(19, 20, 22)');
    await page.close();
  });

  it('follows by long polls where the address is API Gateway’s', async () => {
    const gateway = await runApiGateway(server.url, { apiKey: 'key', stage: '/_aws/execute-api/abc123/prod' });
    const polled = { url: gateway.url, apiKey: 'key', port: 0, folder: join(folder, 'polled') };
    const served = await serveDashboard(polled);
    const { page, complaints, order } = await openDashboard(browser, served.url, WIDE);

    const row = await order(connect(server.url), 'lisbon', { id: 'POLLED', cents: 5_00 });

    expect(row).toMatch(/Casa Azul, Lisbon POLLED €5.00$/);
    await page.locator('#connection', { hasText: 'live, by long polls' }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
    await served.close();
    await gateway.close();
  });

  it('says when the log is away, and goes on when it is back', async () => {
    const { page, order } = await openDashboard(browser, demo.url, WIDE);
    await page.locator('#connection[data-state=live]').waitFor();

    await server.kill();
    await page.locator('#connection[data-state=broken]').waitFor();
    const { port } = new URL(server.url);
    server = await startServer(join(folder, 'data'), { args: ['--http-port', port] });

    expect(await order(connect(server.url), 'dublin', { id: 'AGAIN', cents: 7_00 })).toContain('Liffey Tea, Dublin');
    await page.locator('#connection[data-state=live]').waitFor();
    await page.close();
  });
});
