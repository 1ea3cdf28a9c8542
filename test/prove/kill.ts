import { setTimeout as delay } from 'node:timers/promises';
import { type Api, apiOf, type ProducerIdentity } from '../support/api.ts';
import { seeded } from '../support/random.ts';
import { type ServerProcess, startServer } from '../support/server.ts';
import { count, millis, type Proof } from './trial.ts';

const TOPIC = 'kill';
const PARTITIONS = 4;
const WRITERS = 16;
const MAX_BATCH = 20;
const BACK_WITHIN_MS = 2000;

/** What a writer sent as one batch, and where it was told that it lies. */
interface Batch {
  partition: number;
  values: string[];
  idempotent: boolean;
  /** Acknowledged base offset. */
  base?: number;
}

/** SIGKILL while 16 writers append: half of them idempotent, sending again what was not answered; half plain, going on with new values. */
export const prove: Proof = async ({ size, seed, folder, figure, claim }) => {
  const kills = size === 'full' ? 50 : 3;
  const random = seeded(seed);
  const batches: Batch[] = [];
  const failures: string[] = [];
  let server = await startServer(folder);
  let phase: Phase = 'writing';
  await apiOf(server.url).createTopic(TOPIC, PARTITIONS);

  const identities = await Promise.all(Array.from({ length: WRITERS / 2 }, () => apiOf(server.url).allocateProducer()));
  const writers = Array.from({ length: WRITERS }, (_, writer) =>
    write({
      writer,
      random: seeded(seed + 1 + writer),
      batches,
      api: () => apiOf(server.url),
      phase: () => phase,
      ...(identities[writer] && { identity: identities[writer] }),
    }).catch((error: unknown) => failures.push(`writer ${writer}: ${error}`)),
  );

  const recoveries: number[] = [];
  const highest = new Array<number>(PARTITIONS).fill(0);
  const wentBack: string[] = [];
  for (let kill = 0; kill < kills; kill++) {
    await delay(20 + random() * 600);
    await server.kill();
    // The writers meet a server that is not there, then one on another port.
    server = await startServer(folder).catch((error: unknown) => {
      phase = 'abandoned';
      throw error;
    });
    recoveries.push(server.startedIn);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const { latest } = await apiOf(server.url).offsets(TOPIC, partition);
      if (latest < highest[partition]!)
        wentBack.push(`partition ${partition} after kill ${kill + 1}: ${latest} < ${highest[partition]}`);
      highest[partition] = latest;
    }
  }
  phase = 'ending';
  await Promise.all(writers);

  const stored = await readBack(server);
  const exitCode = await server.stop();
  const acknowledged = batches.filter(({ base }) => base !== undefined);
  const verdict = compare(batches, stored);

  figure('kills', count(kills));
  figure('batches acknowledged', count(acknowledged.length));
  figure('batches never answered', count(batches.length - acknowledged.length));
  figure('records stored', count(stored.reduce((sum, { values }) => sum + values.length, 0)));
  figure('healthy again after, median', millis(recoveries.toSorted((a, b) => a - b)[kills >> 1]!));
  figure('healthy again after, longest', millis(Math.max(...recoveries)));
  claim('every writer was served to the end', failures.length === 0, failures[0]);
  claim('no acknowledged record is lost or moved', verdict.lost.length === 0, verdict.lost[0]);
  claim('offsets are dense from 0', verdict.gaps.length === 0, verdict.gaps[0]);
  claim('no high watermark went back', wentBack.length === 0, wentBack[0]);
  claim('every idempotent batch is there once', verdict.notOnce.length === 0, verdict.notOnce[0]);
  claim('no other batch is there twice, or in part', verdict.torn.length === 0, verdict.torn[0]);
  claim('nothing is stored that was not sent', verdict.foreign.length === 0, verdict.foreign[0]);
  claim(`back within ${BACK_WITHIN_MS / 1000} s of every kill`, Math.max(...recoveries) < BACK_WITHIN_MS);
  claim('the server stops cleanly on SIGTERM', exitCode === 0, `exit code ${exitCode}`);
};

/** Ending: what was begun is finished. Abandoned: there is no server any more. */
type Phase = 'writing' | 'ending' | 'abandoned';

interface Writing {
  writer: number;
  random: () => number;
  batches: Batch[];
  api(): Api;
  phase(): Phase;
  identity?: ProducerIdentity;
}

async function write({ writer, random, batches, api, phase, identity }: Writing): Promise<void> {
  const partition = writer % PARTITIONS;
  for (let sequence = 0, number = 0; phase() === 'writing'; number++) {
    const values = Array.from({ length: 1 + Math.floor(random() * MAX_BATCH) }, (_, i) => `${writer}/${number}/${i}`);
    // Some batches are too large to be carried by the catalog, so that objects are in play too.
    const filler = random() < 0.3 ? 'x'.repeat(1500) : '';
    const batch: Batch = { partition, values, idempotent: identity !== undefined };
    batches.push(batch);
    const records = values.map((value) => ({ value: `${value} ${filler}` }));
    for (;;) {
      try {
        const producer = identity && { ...identity, sequence };
        const answers = await api().append(TOPIC, records, { partition, ...(producer && { producer }) });
        batch.base = answers[0]!.offset;
        break;
      } catch (error) {
        if (!isOutage(error)) throw error;
        await delay(50); // The new server needs the processor more than the writers do.
        // A plain writer never learns what became of it; an idempotent one must, also after the last kill.
        if (identity === undefined || phase() === 'abandoned') break;
      }
    }
    sequence += values.length;
  }
}

/** No answer came; a refusal is a failure of the proof. */
function isOutage(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError');
}

interface Stored {
  partition: number;
  offsets: number[];
  values: string[];
}

async function readBack(server: ServerProcess): Promise<Stored[]> {
  const all: Stored[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const stored: Stored = { partition, offsets: [], values: [] };
    for await (const { offset, value } of apiOf(server.url).readAll(TOPIC, partition)) {
      stored.offsets.push(offset);
      stored.values.push(String(value).split(' ')[0]!);
    }
    all.push(stored);
  }
  return all;
}

/** Each list says what is wrong; all empty when all is well. */
function compare(batches: readonly Batch[], stored: readonly Stored[]) {
  const lost: string[] = [];
  const notOnce: string[] = [];
  const torn: string[] = [];
  const foreign: string[] = [];
  const gaps = stored.flatMap(({ partition, offsets }) => {
    const at = offsets.findIndex((offset, i) => offset !== i);
    return at < 0 ? [] : [`partition ${partition} has ${offsets[at]} where ${at} should be`];
  });
  /** Where each value lies, by partition. */
  const places = stored.map(({ values }) => {
    const found = new Map<string, number[]>();
    for (const [at, value] of values.entries()) found.set(value, [...(found.get(value) ?? []), at]);
    return found;
  });
  const sent = new Set<string>();
  for (const { partition, values, idempotent, base } of batches) {
    for (const value of values) sent.add(`${partition} ${value}`);
    const first = places[partition]!.get(values[0]!) ?? [];
    const where = `batch ${values[0]} of partition ${partition}`;
    if (base !== undefined && values.some((value, i) => stored[partition]!.values[base + i] !== value)) {
      lost.push(`${where} is not at ${base}`);
    }
    if (idempotent && first.length !== 1) notOnce.push(`${where} is there ${first.length} times`);
    if (first.length > 1) torn.push(`${where} is there ${first.length} times`);
    const whole = values.every((value, i) => {
      const at = places[partition]!.get(value) ?? [];
      return at.length === first.length && at.every((place, nth) => place === first[nth]! + i);
    });
    if (!whole) torn.push(`${where} is there in part`);
  }
  for (const { partition, values } of stored) {
    for (const value of values)
      if (!sent.has(`${partition} ${value}`)) foreign.push(`${value} in partition ${partition}`);
  }
  return { lost, gaps, notOnce, torn, foreign };
}
