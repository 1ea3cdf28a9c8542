import type { NewRecord } from 'varve/client';
import type { Order, Shop } from '../streams/shop.ts';

/** By their keys, which go to different partitions. */
export const SHOPS: Readonly<Record<string, Shop>> = {
  bergen: { name: 'Fjord Books', city: 'Bergen' },
  lisbon: { name: 'Casa Azul', city: 'Lisbon' },
  krakow: { name: 'Pod Lipami', city: 'Kraków' },
  dublin: { name: 'Liffey Tea', city: 'Dublin' },
  trieste: { name: 'Caffè Bora', city: 'Trieste' },
};

const MINUTE = 60_000;

/**
 * The orders that come within `ms` up to `now`, about `rate` a second. Each shop has its own price level and its own busy and quiet
 * minutes. `random` gives numbers in [0, 1).
 */
export function ordersWithin(ms: number, now: number, rate: number, random: () => number): NewRecord[] {
  const shops = Object.keys(SHOPS);
  return shops
    .flatMap((key, at) => {
      const tide = 1 + 0.7 * Math.sin((now / MINUTE + at * 1.3) * (0.9 + at / 7));
      const mean = (rate / shops.length) * tide * (ms / 1000);
      const count = Math.floor(mean) + (random() < mean % 1 ? 1 : 0);
      return Array.from({ length: count }, () => {
        const order: Order = {
          id: Math.floor(random() * 36 ** 5)
            .toString(36)
            .toUpperCase()
            .padStart(5, '0'),
          cents: Math.round(8_00 + at * 7_00 + 45_00 * random() ** 2 + (random() < 0.03 ? 90_00 : 0)),
        };
        return { key, value: order, timestamp: Math.round(now - ms * random()) };
      });
    })
    .sort((a, b) => a.timestamp - b.timestamp);
}
