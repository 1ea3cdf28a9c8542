import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Demo, runDemo } from '../../examples/demo/run-demo.ts';
import { connect } from '../../lib/client/client.ts';
import { type OpenDashboard, openDashboard } from '../examples/dashboard.ts';
import { chromiumMissing, startChromium } from '../support/chromium.ts';
import { dynoxideMissing } from '../support/dynoxide.ts';
import { startServer } from '../support/server.ts';
import { millis, type Proof } from './trial.ts';

const PICTURES = fileURLToPath(new URL('../../dist/', import.meta.url));
/** The README's is `dashboard.png`, copied to docs. */
const LOOKS = {
  dashboard: { width: 1080, height: 860, colorScheme: 'light' },
  'dashboard-dark': { width: 1080, height: 860, colorScheme: 'dark' },
  'dashboard-phone': { width: 390, height: 844, colorScheme: 'light' },
} as const;
const SHOPS = ['bergen', 'lisbon', 'krakow', 'dublin', 'trieste'];
const ORDERS = 20;
/** Milliseconds in which the processors keep up, and the page has drawn. */
const WATCHED = 10_000;

/** The dashboard over five minutes of orders, with its pictures, and how long an order takes to get on it. */
export const prove: Proof = async ({ size, folder, figure, claim, skip }) => {
  const missing = chromiumMissing ?? dynoxideMissing;
  if (missing !== undefined) return skip(missing);
  if (size === 'small') return skip('npm run test:browser runs the small one');
  const server = await startServer(join(folder, 'data'));
  const browser = await startChromium();
  let demo: Demo | undefined;
  try {
    demo = await runDemo({ url: server.url, rate: 5, history: 300_000, port: 0, folder: join(folder, 'page') });
    await mkdir(PICTURES, { recursive: true });
    for (const [name, look] of Object.entries(LOOKS)) {
      const { page, complaints } = await openDashboard(browser, demo.url, look);
      await page
        .locator('#shops li', { hasText: ', ' })
        .nth(SHOPS.length - 1)
        .waitFor();
      await page.waitForTimeout(WATCHED);
      const path = `${PICTURES}${name}.png`;
      await page.screenshot({ path, fullPage: true });
      figure('picture', path);
      claim(`${name}: the page has nothing to complain about`, complaints.length === 0, complaints[0]);
      claim(`${name}: all shops have a line`, (await page.locator('#shops li').count()) === SHOPS.length);
      await page.close();
    }
    await measure(await openDashboard(browser, demo.url, LOOKS.dashboard));
  } finally {
    await browser.close();
    await demo?.close();
    await server.stop();
  }

  /** From the call that appends an order until the page lists it, joined. */
  async function measure({ order }: OpenDashboard): Promise<void> {
    const log = connect(server.url);
    const took: number[] = [];
    for (let at = 0; at < ORDERS; at++) {
      const begun = performance.now();
      await order(log, SHOPS[at % SHOPS.length]!, { id: `SEEN${at}`, cents: 10_00 });
      took.push(performance.now() - begun);
    }
    took.sort((a, b) => a - b);
    figure('an order is on the page after (p50)', millis(took[Math.floor(ORDERS / 2)]!));
    figure('an order is on the page after (worst)', millis(took.at(-1)!));
    claim(`all of ${ORDERS} orders get on the page`, took.length === ORDERS);
  }
};
