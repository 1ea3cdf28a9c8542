import type { Browser, Page } from 'playwright-core';
import type { Client } from '../../lib/client/client.ts';

/** The dashboard in a browser. */
export interface OpenDashboard {
  page: Page;
  /** What the page said on its console, and what it threw. */
  complaints: string[];
  /** Places an order of a shop, and waits until the page lists it. Answers the text of its row. */
  order(log: Client, shop: string, order: { id: string; cents: number }): Promise<string>;
}

const PATIENCE = 60_000;

export async function openDashboard(
  browser: Browser,
  url: string,
  look: { width: number; height: number; colorScheme: 'light' | 'dark' },
): Promise<OpenDashboard> {
  const { width, height, colorScheme } = look;
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  page.setDefaultTimeout(PATIENCE);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', ({ message }) => complaints.push(message));
  await page.goto(url);
  return {
    page,
    complaints,
    async order(log, key, value) {
      // It stays the newest until it was seen: it is listed by the time that it carries.
      await log.append('orders', [{ key, value, timestamp: Date.now() + 60_000 }]);
      const row = page.locator('#orders tbody tr', { hasText: value.id });
      return (await row.first().innerText()).replaceAll(/\s+/g, ' ');
    },
  };
}
