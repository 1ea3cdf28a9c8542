import type { Following } from 'varve/client';
import type { ListedOrder } from './model.ts';
import type { Progress } from './progress.ts';

const money = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' });
const clock = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' });
const find = (selector: string) => document.querySelector<HTMLElement>(selector)!;

/** Text is never taken for markup: names come from records. */
function element(tag: string, text = '', className = ''): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function row(...cells: readonly HTMLElement[]): HTMLElement {
  const made = element('tr');
  made.append(...cells);
  return made;
}

const HOW: Record<Following, string> = { events: 'server-sent events', polls: 'long polls' };

export function showState(following: Following, address: string, trouble: string | undefined): void {
  const shown = find('#connection');
  shown.dataset.state = trouble === undefined ? 'live' : 'broken';
  shown.textContent = trouble ?? `live, by ${HOW[following]} from ${new URL(address).host}`;
}

export function showFigures(total: { orders: number; cents: number | undefined }, large: number): void {
  find('#orders-a-minute').textContent = String(total.orders);
  find('#average-order').textContent = total.cents === undefined ? '–' : money.format(total.cents / 100);
  find('#large-orders').textContent = String(large);
}

export function showShops(names: readonly string[], colours: readonly string[]): void {
  find('#shops').replaceChildren(
    ...names.map((name, at) => {
      const item = element('li', name);
      item.style.setProperty('--series', `var(${colours[at]})`);
      return item;
    }),
  );
}

export function showOrders(orders: readonly ListedOrder[], nameOf: (shop: string) => string): void {
  find('#orders tbody').replaceChildren(
    ...orders.map(({ timestamp, shopKey, id, cents, large }) => {
      const amount = element('td', '', 'number');
      if (large) amount.append(element('span', 'large', 'large'));
      amount.append(money.format(cents / 100));
      return row(element('td', clock.format(timestamp)), element('td', nameOf(shopKey)), element('td', id), amount);
    }),
  );
}

/** A row for each processor and topic, a column for each partition. */
export function showPartitions(progress: readonly Progress[]): void {
  const all = progress.flatMap(({ partitions }) => partitions);
  const columns = [...new Set(all.map(({ partition }) => partition))].sort((a, b) => a - b);
  find('#lag').textContent = all.length === 0 ? '–' : String(all.reduce((sum, { lag }) => sum + lag, 0));
  const heads = ['Processor', ...columns.map(String), 'a second'];
  find('#partitions thead').replaceChildren(row(...heads.map((head) => element('th', head))));
  find('#partitions tbody').replaceChildren(
    ...progress.map(({ group, topic, partitions, rate }) => {
      const cells = columns.map((column) => {
        const found = partitions.find(({ partition }) => partition === column);
        const cell = element('td', found ? String(found.lag) : '', 'behind');
        cell.style.setProperty('--behind', `${Math.min(100, found?.lag ?? 0)}%`);
        return cell;
      });
      return row(
        element('td', `${group}, ${topic}`),
        ...cells,
        element('td', rate === undefined ? '–' : rate.toFixed(1)),
      );
    }),
  );
}
