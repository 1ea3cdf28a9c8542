/** The HTTP door as a proof meets it: plain requests, nothing repeated, nothing remembered. */
export interface Api {
  createTopic(name: string, partitions: number): Promise<void>;
  allocateProducer(): Promise<ProducerIdentity>;
  /** Without `partition` by the records' keys. */
  append(
    topic: string,
    records: readonly ApiRecord[],
    options?: { partition?: number; producer?: ProducerIdentity & { sequence: number } },
  ): Promise<{ partition: number; offset: number }[]>;
  /** [log start, high watermark). */
  offsets(topic: string, partition: number): Promise<{ earliest: number; latest: number }>;
  /** Every record from the log start to the high watermark. */
  readAll(topic: string, partition: number): AsyncGenerator<ApiRecord & { offset: number }>;
}

export interface ApiRecord {
  key?: string | null;
  value: unknown;
}

export interface ProducerIdentity {
  producer_id: number;
  producer_epoch: number;
}

/** The server refused. Its message; what failed before an answer came is what fetch throws. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, body: string) {
    super(`HTTP ${status}: ${body}`);
    this.status = status;
  }
}

const TIMEOUT_MS = 30_000;

export function apiOf(url: string): Api {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(url + path, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Refused(answer.status, text);
    return JSON.parse(text) as T;
  }

  const api: Api = {
    async createTopic(name, partitions) {
      await ask('POST', '/api/topics', { name, partitions });
    },
    allocateProducer: () => ask('POST', '/api/producers', {}),
    async append(topic, records, { partition, producer } = {}) {
      const path = `/api/topics/${topic}${partition === undefined ? '' : `/partitions/${partition}`}/records`;
      type Answers = { offsets: { partition: number; offset: number; error_code?: number; message?: string }[] };
      const { offsets } = await ask<Answers>('POST', path, { ...producer, records });
      const refused = offsets.find(({ error_code }) => error_code !== undefined);
      if (refused) throw new Refused(200, JSON.stringify(refused));
      return offsets;
    },
    offsets: (topic, partition) => ask('GET', `/api/topics/${topic}/partitions/${partition}/offsets`),
    async *readAll(topic, partition) {
      const { earliest, latest } = await api.offsets(topic, partition);
      for (let next = earliest; next < latest; ) {
        const path = `/api/topics/${topic}/partitions/${partition}/records?from=${next}&limit=10000`;
        const { records } = await ask<{ records: (ApiRecord & { offset: number })[] }>('GET', path);
        if (records.length === 0)
          throw new Error(`no record at offset ${next} of ${topic}-${partition}, below ${latest}`);
        for (const record of records) {
          if (record.offset >= latest) return;
          yield record;
          next = record.offset + 1;
        }
      }
    },
  };
  return api;
}
