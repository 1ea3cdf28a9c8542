import { type Client, type ReadRecord, VarveError } from 'varve/client';

const PAUSE = 2_000;

/** Hears how the feeds fare: of each topic undefined when it is read, or why it is not. */
export type OnState = (topic: string, trouble: string | undefined) => void;

/**
 * Hands over each record of a topic, from the time `since` (milliseconds) on, once and in the order of its partition, for as long as
 * the page is open. What the client gives up, such as a topic that is not there yet, is tried again.
 */
export async function feed(
  log: Client,
  topic: string,
  since: number,
  onRecords: (records: readonly ReadRecord[]) => void,
  onState: OnState,
): Promise<never> {
  let positions: Record<number, number> = {};
  for (;;) {
    try {
      await log.topics.describe(topic);
      onState(topic, undefined);
      for await (const records of log.readBatches(topic, { from: { timestamp: since }, positions })) {
        for (const { partition, offset } of records) positions[partition] = offset + 1;
        onRecords(records);
      }
    } catch (error) {
      onState(topic, error instanceof Error ? error.message : String(error));
      // The topic was made anew, or has lost what came next: it begins once more.
      if (error instanceof VarveError && error.code === 'OFFSET_OUT_OF_RANGE') positions = {};
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
