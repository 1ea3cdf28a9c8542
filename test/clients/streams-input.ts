import { seeded } from '../support/random.ts';

/** A record to write, to the partition that Kafka's own clients would choose. */
export interface Input {
  topic: string;
  key: string;
  /** null: a tombstone. */
  value: string | null;
  /** Milliseconds since the epoch. */
  timestamp: number;
}

/** The topics that `StreamsPrograms.java` reads, with their partitions. */
export const INPUTS = { clicks: 1, orders: 2, payments: 2, customers: 2, purchases: 2, shops: 1 } as const;
type Topic = keyof typeof INPUTS;
const TOPICS = Object.keys(INPUTS) as Topic[];

const PHASE_MS = 300_000;
const COUNT = 120;

/**
 * What stands in the topics in a phase, from its seed. A phase is five minutes; records come about in the order of their time, many
 * a few seconds early or late, some minutes late: after their window is closed. Records of different topics never have the same
 * timestamp: nothing says which of two such goes first into a join. `begin` must be a whole minute of not long ago: brokers delete
 * what is older than days, of a changelog also what is older than its windows.
 */
export function streamsInput(begin: number, phase: number): Input[] {
  const random = seeded(50 + phase);
  const upTo = (n: number) => Math.floor(random() * n);
  const input: Input[] = [];
  const add = (topic: Topic, second: number, key: string, value: string | null) => {
    const timestamp = begin + phase * PHASE_MS + second * 1000 + TOPICS.indexOf(topic);
    input.push({ topic, key, value, timestamp });
  };
  for (let i = 0; i < COUNT; i++) {
    const now = Math.floor((i * PHASE_MS) / COUNT / 1000);
    const second = i % 17 === 16 ? now - 200 : now - 20 + upTo(40);
    add('clicks', second, `user${upTo(5)}`, `${random() < 0.3 ? 'important' : 'page'}${upTo(4)}`);
    // Numbered on over the phases, so that what was ordered in one is paid in the next.
    const order = phase * COUNT + i;
    add('orders', second, `order${order}`, `order of ${second}`);
    for (const paid of [order, order - 40].filter((number) => number >= 0 && random() < 0.6)) {
      add('payments', second + upTo(90) - 45, `order${paid}`, `payment at ${i}`);
    }
    if (random() < 0.3) add('customers', second, `customer${upTo(6)}`, random() < 0.3 ? null : `city${upTo(3)}`);
    add('purchases', second, `customer${upTo(6)}`, `thing${i}@shop${upTo(4)}`);
  }
  if (phase === 0) for (let i = 0; i < 3; i++) add('shops', i, `shop${i}`, `street ${i}`);
  return input;
}
