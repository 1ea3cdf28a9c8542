/** What the programs here read and print: ../program.ts says what it means. */
import { createInterface } from 'node:readline';
import type { Codec, ConsumeOptions, ProduceOptions, WireReceived, WireSent } from '../program.ts';

export const bytesOf = (text: string | null) => (text === null ? null : Buffer.from(text, 'base64'));
export const textOf = (bytes: Uint8Array | null | undefined) =>
  bytes == null ? null : Buffer.from(bytes).toString('base64');

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** One request carries no more records. */
const MAX_RECORDS = 100;

/**
 * Sends all records, one request after the other, each with those that have come in meanwhile: neither client keeps the order of
 * requests that are under way together, nor which of them the broker has taken, when their connection is lost. `send` answers
 * the first offset in each partition.
 */
export async function sendAll(
  send: (codec: Codec, records: readonly WireSent[]) => Promise<Map<number, number>>,
): Promise<void> {
  const waiting: WireSent[] = [];
  let sending = Promise.resolve();
  const sendWaiting = async () => {
    const { codec } = waiting[0] ?? {};
    if (codec === undefined) return;
    const other = waiting.findIndex((one) => one.codec !== codec);
    const records = waiting.splice(0, Math.min(other < 0 ? waiting.length : other, MAX_RECORDS));
    try {
      const next = await send(codec, records);
      for (const { id, partition } of records) {
        const offset = next.get(partition)!;
        next.set(partition, offset + 1);
        say({ acked: id, partition, offset });
      }
    } catch (error) {
      for (const { id } of records) say({ refused: id, error: String(error) });
    }
  };
  for await (const line of createInterface({ input: process.stdin })) {
    waiting.push(JSON.parse(line) as WireSent);
    sending = sending.then(sendWaiting);
  }
  await sending;
}

/** Resolves when the program is to leave its group and end. */
export async function inputEnded(): Promise<void> {
  for await (const _ of process.stdin);
}

export const sayRecords = (records: readonly WireReceived[]) => say({ records });
export const sayAssigned = (assigned: readonly number[]) => say({ assigned });

/** Runs what the first argument names. */
export async function main(
  produce: (options: ProduceOptions) => Promise<void>,
  consume: (options: ConsumeOptions) => Promise<void>,
): Promise<void> {
  const [command, options = ''] = process.argv.slice(2);
  await (command === 'produce' ? produce(JSON.parse(options)) : consume(JSON.parse(options)));
  // Whatever a client still holds open ends; what was said does not: a busy reader may not have taken it yet.
  process.stdout.write('', () => process.exit());
}
