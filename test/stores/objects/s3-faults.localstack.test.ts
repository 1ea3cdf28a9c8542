import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { CreateBucketCommand, DeleteBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { ObjectError, type ObjectStore } from '../../../lib/stores/objects/objects.ts';
import { openS3 } from '../../../lib/stores/objects/s3.ts';
import { objectStoreContract } from '../../contract/objects.ts';
import { cut, flipped, injectS3Faults, s3Failure, stalled, truncated } from '../../faults/s3.ts';
import { type Hook, lost, type Request, silence, through } from '../../faults/transport.ts';
import { patientClock, type TravelClock, travelClock } from '../../support/clock.ts';
import { localstack } from '../../support/localstack.ts';
import { poll } from '../../support/poll.ts';
import { seeded } from '../../support/random.ts';

const SEED = Number(process.env.FAULT_SEED ?? randomInt(2 ** 31));

const bucket = `varve-${randomUUID()}`;
const admin = new S3Client(localstack);

beforeAll(async () => {
  await admin.send(new CreateBucketCommand({ Bucket: bucket }));
});
afterAll(async () => {
  await clear('');
  await admin.send(new DeleteBucketCommand({ Bucket: bucket }));
  admin.destroy();
});

/** Of all objects with the prefix, which counts towards no name's length. */
async function clear(prefix: string): Promise<void> {
  const store = openS3({ client: localstack, bucket, prefix, clock: systemClock });
  for (;;) {
    const names = (await store.list('')).map((object) => object.name);
    if (names.length === 0) break;
    await store.delete(names);
  }
  await store.close();
}

// One request in five meets a fault; the store is to repeat what may be repeated, and its callers to see none of it.
objectStoreContract(`S3 on LocalStack under faults (FAULT_SEED=${SEED})`, async () => {
  const { hook } = injectS3Faults(
    { refused: 0.06, unsent: 0.04, lost: 0.05, broken: 0.05, altered: 0.03 },
    seeded(SEED),
  );
  const prefix = `${randomUUID()}/`;
  const open = () => openS3({ client: through(localstack, hook), bucket, prefix, clock: patientClock });
  const stores = [open()];
  return {
    store: stores[0]!,
    reopen: async () => {
      await stores[0]!.close();
      stores.push(open());
      return stores.at(-1)!;
    },
    cleanup: async () => {
      await Promise.all(stores.map((store) => store.close()));
      await clear(prefix);
    },
  };
});

describe('S3 on LocalStack, with', () => {
  const content = randomBytes(100_000);
  const failed = (code: string) => expect.objectContaining({ name: 'ObjectError', code });

  /** A store whose requests pass the hook, and those that it made. */
  function given(hook: Hook): { store: ObjectStore; clock: TravelClock; asked: Request[]; prefix: string } {
    const asked: Request[] = [];
    const prefix = `${randomUUID()}/`;
    const clock = travelClock();
    const counting: Hook = (request, send) => {
      asked.push(request);
      return hook(request, send);
    };
    return { store: openS3({ client: through(localstack, counting), bucket, prefix, clock }), clock, asked, prefix };
  }

  const of =
    (operation: string, instead: Hook): Hook =>
    (request, send) =>
      request.operation === operation ? instead(request, send) : send();

  it('the answer to a put lost after it acted: it is put, and whole', async () => {
    let puts = 0;
    const { store } = given(
      of('PutObject', async (_, send) => {
        const reply = await send();
        puts += 1;
        return puts === 1 ? lost() : reply;
      }),
    );
    await store.put('a', [content]);
    expect(Buffer.compare(await store.get('a'), content)).toBe(0);
    expect(puts).toBe(2);
    await store.close();
  });

  it('every answer to a put lost: STORE_FAILED, though the object is there', async () => {
    const { store } = given(
      of('PutObject', async (_, send) => {
        await send();
        return lost();
      }),
    );
    await expect(store.put('a', [content])).rejects.toEqual(failed('STORE_FAILED'));
    await store.close();
  });

  it('a put that acts after it was given up: whoever put the same name is told whose object it is', async () => {
    const landing: (() => Promise<unknown>)[] = [];
    const { store } = given(
      of('PutObject', (_, send) => {
        if (landing.length > 0) return send();
        landing.push(send);
        return lost();
      }),
    );
    await store.put('a', [content]);
    expect(await landing[0]!()).toMatchObject({ status: 412 });
    expect(Buffer.compare(await store.get('a'), content)).toBe(0);
    await store.close();
  });

  it('a body altered on its way there: S3 refuses it, and it is put again', async () => {
    let puts = 0;
    const { store } = given(
      of('PutObject', (request, send) => {
        puts += 1;
        return puts === 1 ? send({ ...request, body: flipped(request.body) }) : send();
      }),
    );
    await store.put('a', [content]);
    expect(Buffer.compare(await store.get('a'), content)).toBe(0);
    expect(puts).toBe(2);
    await store.close();
  });

  it.each([
    ['altered', (reply) => ({ ...reply, body: flipped(reply.body as Buffer) })],
    ['cut', cut],
    ['truncated', truncated],
  ] as [string, typeof cut][])('every body %s on its way back: STORE_FAILED, and no bytes', async (_, broken) => {
    const { store } = given(of('GetObject', async (_, send) => broken(await send())));
    await store.put('a', [content]);
    await expect(store.get('a')).rejects.toEqual(failed('STORE_FAILED'));
    await store.close();
  });

  it.each([
    ['cut', cut],
    ['truncated', truncated],
  ] as [string, typeof cut][])('a range %s on its way back: it is asked again', async (_, broken) => {
    let gets = 0;
    const { store } = given(
      of('GetObject', async (_, send) => {
        const reply = await send();
        gets += 1;
        return gets === 1 ? broken(reply) : reply;
      }),
    );
    await store.put('a', [content]);
    const range = await store.get('a', { start: 100, length: 1_000 });
    expect(Buffer.compare(range, content.subarray(100, 1_100))).toBe(0);
    expect(gets).toBe(2);
    await store.close();
  });

  it.each<[string, (store: ObjectStore, signal: AbortSignal) => Promise<unknown>]>([
    ['put', (store, signal) => store.put('a', [content], { signal })],
    ['get', (store, signal) => store.get('a', { signal })],
    ['stat', (store, signal) => store.stat('a', { signal })],
    ['list', (store, signal) => store.list('', { signal })],
    ['delete', (store, signal) => store.delete(['a'], { signal })],
  ])('a %s that is never answered: it ends by its signal at once, and by its deadline', async (_, operation) => {
    const { store, clock, asked } = given(silence);
    const abort = new AbortController();
    const aborted = operation(store, abort.signal);
    aborted.catch(() => {});
    await poll('the request', 5_000, () => (asked.length === 1 ? true : undefined));
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');

    const late = operation(store, new AbortController().signal);
    let over = false;
    const end = late.finally(() => {
      over = true;
    });
    end.catch(() => {});
    for (let seen = asked.length; !over; seen = asked.length) {
      await poll('the next request', 5_000, () => (over || asked.length > seen ? true : undefined));
      clock.advance(15_000);
    }
    await expect(end).rejects.toEqual(failed('STORE_FAILED'));
    await store.close();
  });

  it('a body that stops in the middle: the get ends by its signal, and by its deadline', async () => {
    const { store, clock, asked } = given(of('GetObject', async (_, send) => stalled(await send())));
    await store.put('a', [content]);
    const abort = new AbortController();
    const aborted = store.get('a', { signal: abort.signal });
    aborted.catch(() => {});
    await poll('the get', 5_000, () => (asked.length === 2 ? true : undefined));
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');

    const late = store.get('a');
    late.catch(() => {});
    await poll('another get', 5_000, () => (asked.length === 3 ? true : undefined));
    clock.advance(13_000);
    await expect(late).rejects.toEqual(failed('STORE_FAILED'));
    await store.close();
  });

  it('503 SlowDown for a while: every operation waits and goes on', async () => {
    let slowed = 0;
    const { store } = given((_, send) => (slowed++ % 3 === 2 ? send() : Promise.resolve(s3Failure(503, 'SlowDown'))));
    await store.put('a', [content]);
    expect(await store.stat('a')).toEqual({ name: 'a', size: content.length });
    expect(await store.list('')).toHaveLength(1);
    await store.delete(['a']);
    expect(await store.stat('a')).toBeUndefined();
    await store.close();
  });

  it('a deletion that S3 does in part: STORE_FAILED, and once more deletes the rest', async () => {
    let deletions = 0;
    const { store, prefix } = given(
      of('DeleteObjects', async (_, send) => {
        deletions += 1;
        if (deletions > 1) return send();
        const error = `<DeleteResult><Error><Key>${prefix}b</Key><Code>InternalError</Code></Error></DeleteResult>`;
        return { ...s3Failure(200, ''), body: Buffer.from(error) };
      }),
    );
    for (const name of ['a', 'b']) await store.put(name, [content]);
    await expect(store.delete(['a', 'b'])).rejects.toEqual(failed('STORE_FAILED'));
    await store.delete(['a', 'b']);
    expect(await store.list('')).toEqual([]);
    await store.close();
  });

  it('others that put and delete meanwhile: a list in pages has once, in order, whatever was there all the time', async () => {
    const { store } = given((_, send) => send());
    const name = (kind: string, i: number) => `${String(i).padStart(3, '0')}-${kind}`;
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    await Promise.all(
      numbers.flatMap((i) => [store.put(name('stays', i), []), ...(i % 2 ? [store.put(name('goes', i), [])] : [])]),
    );
    const seen: string[] = [];
    for (let page = 0, after = ''; ; page += 1) {
      const objects = await store.list('', { after, limit: 7 });
      if (objects.length === 0) break;
      seen.push(...objects.map((object) => object.name));
      after = seen.at(-1)!;
      await Promise.all([
        store.delete([name('goes', (page * 13) % 60), name('goes', (page * 7 + 1) % 60)]),
        store.put(name('comes', (page * 17) % 60), []).catch((cause) => {
          if (!(cause instanceof ObjectError && cause.code === 'OBJECT_EXISTS')) throw cause;
        }),
      ]);
    }
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(seen.filter((each) => each.endsWith('stays'))).toEqual(numbers.map((i) => name('stays', i)));
    await store.close();
  });
});
