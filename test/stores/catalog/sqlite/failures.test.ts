import { describe, expect, it } from 'vitest';
import { VarveError } from '../../../../lib/errors.ts';
import { systemRandom } from '../../../../lib/ids.ts';
import { connect } from '../../../../lib/stores/catalog/sqlite/database.ts';
import { engineOver, type Request } from '../../../../lib/stores/catalog/sqlite/engine.ts';
import { type Batch, createRequests, type Transport } from '../../../../lib/stores/catalog/sqlite/requests.ts';
import { openDatabase } from '../../../../lib/stores/catalog/sqlite/schema.ts';
import { openSqlite } from '../../../../lib/stores/catalog/sqlite/sqlite.ts';
import { startThread } from '../../../../lib/stores/catalog/sqlite/thread.ts';
import { append, createPartition, createTopic, headOf, newEntry, refers } from '../../../contract/catalog/subject.ts';
import { travelClock } from '../../../support/clock.ts';

const clock = travelClock();

async function openMemory(worker = false) {
  const catalog = await openSqlite({ path: ':memory:', clock, random: systemRandom, worker });
  return { catalog, subject: { catalog, clock, another: async () => catalog, reopen: async () => catalog } };
}

describe('calls made together', () => {
  it('do not fail each other', async () => {
    const { catalog, subject } = await openMemory();
    const topic = await createTopic(subject, 3);
    const at = { topicId: topic.id, partition: 0 };

    const [before, shrunk, after] = await Promise.allSettled([
      append(catalog, at, [newEntry({ clock })]),
      catalog.topics.update(topic, { partitions: 2, config: {} }),
      append(catalog, at, [newEntry({ clock })]),
    ]);

    expect(before).toEqual({ status: 'fulfilled', value: [0] });
    expect(shrunk).toMatchObject({ status: 'rejected', reason: { code: 'INVALID_PARTITIONS' } });
    expect(after).toEqual({ status: 'fulfilled', value: [1] });
    expect(await catalog.topics.get(topic.name)).toEqual(topic);
    await catalog.close();
  });

  it('that fail midway leave nothing behind', async () => {
    const { catalog, subject } = await openMemory();
    const at = await createPartition(subject);
    await append(catalog, at, [newEntry({ clock }), newEntry({ clock })]);
    const head = await headOf(catalog, at);
    const entry = { ...newEntry({ clock }), place: 'segment' as const };

    await expect(
      catalog.partitions.advanceFrontier(at, head, { base: 0, entries: [entry, entry, entry], level: 1 }),
    ).rejects.toMatchObject({ code: 'INVALID_REQUEST' });

    expect(await headOf(catalog, at)).toEqual(head);
    expect(await refers(catalog, at, entry.id)).toBe(false);
    await catalog.close();
  });
});

describe('an append', () => {
  it('of more than the catalog takes is refused', async () => {
    const { catalog, subject } = await openMemory();
    const at = await createPartition(subject);
    const many = Array.from({ length: 201 }, () => newEntry({ clock }));

    await expect(catalog.partitions.append(at, many)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(
      catalog.partitions.append(at, [newEntry({ clock }, { bytes: new Uint8Array(65_537) })]),
    ).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(await catalog.partitions.append(at, [])).toEqual({ outcomes: [] });
    await catalog.close();
  });

  it('keeps up to 300 bytes in the entry and more beside it, so that heads stay small', async () => {
    const { catalog, subject } = await openMemory();
    const at = await createPartition(subject);

    await append(
      catalog,
      at,
      [300, 301].map((size) => newEntry({ clock }, { bytes: systemRandom(size) })),
    );

    expect((await headOf(catalog, at)).tail.entries.map(({ place }) => place)).toEqual(['inline', 'chunk']);
    await catalog.close();
  });

  it.each([false, true])('whose signal aborts is of unknown outcome (in a thread of its own: %s)', async (worker) => {
    const { catalog, subject } = await openMemory(worker);
    const at = await createPartition(subject);
    const abort = new AbortController();
    const reason = new Error('too late');

    const appending = catalog.partitions.append(at, [newEntry({ clock })], { signal: abort.signal });
    abort.abort(reason);

    expect(await appending).toEqual({ outcomes: [{ status: 'unknown', cause: reason }] });
    expect(await catalog.partitions.append(at, [newEntry({ clock })], { signal: abort.signal })).toMatchObject({
      outcomes: [{ status: 'unknown' }],
    });
    await catalog.close();
  });
});

describe('a full disk', () => {
  it('fails writes, keeps reads, and is over when there is room', async () => {
    const db = openDatabase(':memory:', 'cluster');
    const engine = engineOver(db);
    const topic = { name: 't', id: 't', partitions: 1, config: {}, created: 0 };
    const at = { topicId: 't', partition: 0 };
    const call = (method: string, ...args: unknown[]): Request => ({ port: 'partitions', method, args });
    const carrying = (n: number) => call('append', at, [newEntry({ clock }, { bytes: systemRandom(n) })]);
    engine.write([{ port: 'topics', method: 'create', args: [topic] }, carrying(1_000)], 1);
    const head = engine.read([call('head', at)]);

    const pages = db.get<{ page_count: number }>('PRAGMA page_count')!.page_count;
    db.exec(`PRAGMA max_page_count = ${pages + 2}`);
    const full = { error: { code: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining('full') } };

    expect(engine.write([carrying(100), carrying(60_000)], 2)).toMatchObject([full, full]);
    expect(engine.read([call('head', at)])).toEqual(head);
    expect(engine.write([carrying(100)], 3)).toMatchObject([{ value: { outcomes: [{ base: 1 }] } }]);
    db.exec('PRAGMA max_page_count = 100000');
    expect(engine.write([carrying(60_000)], 4)).toMatchObject([{ value: { outcomes: [{ base: 2 }] } }]);
    engine.close();
  });
});

describe('a closed catalog', () => {
  it.each([false, true])('answers what it had taken and takes no more (in a thread of its own: %s)', async (worker) => {
    const { catalog, subject } = await openMemory(worker);
    const at = await createPartition(subject);

    const taken = append(catalog, at, [newEntry({ clock })]);
    const closing = catalog.close();
    const late = catalog.partitions.head(at);

    await expect(late).rejects.toMatchObject({ code: 'LOG_CLOSED' });
    expect(await taken).toEqual([0]);
    await closing;
    await catalog.close();
    const { outcomes } = await catalog.partitions.append(at, [newEntry({ clock })]);
    expect(outcomes).toMatchObject([{ status: 'unknown', cause: { code: 'LOG_CLOSED' } }]);
  });
});

describe('the queue before the engine', () => {
  /** An engine that answers nothing until it is told how. */
  const stalled = () => {
    const gate = Promise.withResolvers<void>();
    const transport: Transport = { clusterId: '', send: () => gate.promise, close: async () => {} };
    return { requests: createRequests(transport, clock), gate };
  };

  it('pushes back when too much waits', async () => {
    const { requests, gate } = stalled();
    const calls = Array.from({ length: 20_000 }, () => requests.call('topics', 'list', []));

    await expect(requests.call('topics', 'list', [])).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      retriable: true,
    });

    gate.reject(new Error('gone'));
    await Promise.allSettled(calls);
  });

  it('pushes back when too many bytes wait', async () => {
    const { requests, gate } = stalled();
    const at = { topicId: 't', partition: 0 };
    const calls = Array.from({ length: 64 }, () =>
      requests.call('partitions', 'append', [at, []], { bytes: 1024 * 1024 }),
    );

    await expect(requests.call('partitions', 'append', [at, []], { bytes: 1 })).rejects.toBeInstanceOf(VarveError);

    gate.reject(new Error('gone'));
    await Promise.allSettled(calls);
  });

  it('never makes a call that was given up while it waited', async () => {
    const sent: string[] = [];
    const first = Promise.withResolvers<void>();
    const transport: Transport = {
      clusterId: 'cluster',
      async send({ reads, writes }, onAnswers) {
        sent.push(...[...reads, ...writes].map(({ method }) => method));
        if (sent.length === 1) await first.promise;
        if (reads.length > 0) onAnswers({ reads: reads.map(() => ({ value: undefined })) });
        if (writes.length > 0) onAnswers({ writes: writes.map(() => ({ value: undefined })) });
      },
      close: async () => {},
    };
    const requests = createRequests(transport, clock);
    const abort = new AbortController();
    const under = requests.call('topics', 'get', ['orders']);
    await Promise.resolve();

    const at = { topicId: 't', partition: 0 };
    const given = requests.call('partitions', 'append', [at, []], { signal: abort.signal });
    abort.abort(new Error('too late'));
    const later = requests.call('partitions', 'head', [at]);
    first.resolve();

    await expect(given).rejects.toThrow('too late');
    await Promise.all([under, later]);
    expect(sent).toEqual(['get', 'head']);
  });

  it('fails what is under way, and only that, when the engine is lost', async () => {
    const { requests, gate } = stalled();
    const call = requests.call('topics', 'get', ['orders']);

    gate.reject(new Error('its thread ended'));

    await expect(call).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', message: /its thread ended/ });
    await expect(requests.call('topics', 'get', ['orders'])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });
});

describe('a thread that breaks', () => {
  it('fails what is asked of it, then and later, and can be closed', async () => {
    const thread = await startThread({ path: ':memory:', clusterId: 'cluster' });

    // Fits no message that the thread knows.
    await expect(thread.send({ now: 0 } as Batch, () => {})).rejects.toThrow();
    await expect(thread.send({ now: 0, reads: [], writes: [] }, () => {})).rejects.toThrow();

    await thread.close();
  });
});

describe('a connection', () => {
  it('prepares a statement once', () => {
    const db = connect(':memory:');
    db.exec('CREATE TABLE t (n INTEGER)');

    expect(db.run('INSERT INTO t VALUES (?)', 1) + db.run('INSERT INTO t VALUES (?)', 2)).toBe(2);
    expect(db.all('SELECT n FROM t')).toHaveLength(2);
    db.close();
  });
});
