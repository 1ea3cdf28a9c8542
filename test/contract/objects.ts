import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ObjectError, type ObjectErrorCode, type ObjectStore } from '../../lib/stores/objects/objects.ts';

export interface OpenedStore {
  /** Empty. */
  store: ObjectStore;
  /** Closes the store and opens what it stored anew; absent where nothing outlives the store. */
  reopen?: () => Promise<ObjectStore>;
  cleanup: () => Promise<void>;
}

const MIB = 1024 * 1024;
const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (of: Uint8Array) => Buffer.from(of).toString();

/** Whether it fails with an ObjectError of this code. */
async function expectFailure(operation: Promise<unknown>, code: ObjectErrorCode): Promise<void> {
  const failure = await operation.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(failure).toBeInstanceOf(ObjectError);
  expect((failure as ObjectError).code).toBe(code);
}

/** What every adapter of the port ObjectStore does. */
export function objectStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`ObjectStore contract: ${name}`, () => {
    let opened: OpenedStore;
    let store: ObjectStore;

    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.cleanup());

    describe('put', () => {
      test('given parts, when they are put, then the object is the parts one after the other', async () => {
        await store.put('segments/ab/one', [bytes('Hello, '), bytes(''), bytes('wor'), bytes('ld')]);
        expect(text(await store.get('segments/ab/one'))).toBe('Hello, world');
      });

      test('given no bytes at all, when they are put, then the object exists and is empty', async () => {
        await store.put('none', []);
        await store.put('empty', [bytes('')]);
        expect(await store.get('none')).toHaveLength(0);
        expect(await store.get('empty')).toHaveLength(0);
        expect(await store.stat('empty')).toEqual({ name: 'empty', size: 0 });
      });

      test('given a name that is taken, when it is put again, then OBJECT_EXISTS and the object stays as it was', async () => {
        await store.put('taken', [bytes('first')]);
        await expectFailure(store.put('taken', [bytes('second')]), 'OBJECT_EXISTS');
        expect(text(await store.get('taken'))).toBe('first');
      });

      test('given 20 puts of one name at once, then exactly one wins and the object is the winner`s', async () => {
        const contents = Array.from({ length: 20 }, (_, i) => randomBytes(10_000 + i));
        const outcomes = await Promise.allSettled(contents.map((content) => store.put('race/one', [content])));
        const winners = outcomes.flatMap((outcome, i) => (outcome.status === 'fulfilled' ? [i] : []));
        expect(winners).toHaveLength(1);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'OBJECT_EXISTS' });
        }
        expect(Buffer.compare(await store.get('race/one'), contents[winners[0]!]!)).toBe(0);
      });

      test('given 32 MiB in 9,000 uneven parts, then they come back whole and in ranges', async () => {
        const content = randomBytes(32 * MIB);
        const parts: Uint8Array[] = [];
        for (let at = 0, i = 0; at < content.length; i++) {
          const end = i === 8_999 ? content.length : Math.min(content.length, at + 1 + ((i * 7919) % 7000));
          parts.push(content.subarray(at, end));
          at = end;
        }
        await store.put('large', parts);
        expect(await store.stat('large')).toEqual({ name: 'large', size: content.length });
        expect(Buffer.compare(await store.get('large'), content)).toBe(0);
        const middle = await store.get('large', { start: 9 * MIB + 1, length: 5 * MIB });
        expect(Buffer.compare(middle, content.subarray(9 * MIB + 1, 14 * MIB + 1))).toBe(0);
      });

      test('given the caller changes its bytes after the put, or a reader what it got, then the object does not change', async () => {
        const mine = bytes('original');
        await store.put('mine', [mine]);
        mine.fill(0);
        (await store.get('mine')).fill(0);
        const read = await store.get('mine');
        read.slice().fill(0);
        expect(text(read)).toBe('original');
      });
    });

    describe('get', () => {
      beforeEach(() => store.put('ten', [bytes('01234'), bytes('56789')]));

      test('given a range, then those bytes; without a length, the rest; without a start, the beginning', async () => {
        expect(text(await store.get('ten', { start: 3, length: 4 }))).toBe('3456');
        expect(text(await store.get('ten', { start: 7 }))).toBe('789');
        expect(text(await store.get('ten', { length: 2 }))).toBe('01');
        expect(text(await store.get('ten', { start: 9, length: 1 }))).toBe('9');
        expect(text(await store.get('ten', { start: 0, length: 10 }))).toBe('0123456789');
      });

      test.each([
        ['ends past the end', { start: 5, length: 6 }],
        ['starts past the end', { start: 11, length: 1 }],
        ['is far longer than the object', { length: Number.MAX_SAFE_INTEGER }],
        ['starts below 0', { start: -1, length: 2 }],
        ['has a length below 0', { start: 3, length: -1 }],
        ['is no whole number', { start: 0.5, length: 1 }],
      ])('given a range that %s, then STORE_FAILED and not fewer bytes', async (_, range) => {
        await expectFailure(store.get('ten', range), 'STORE_FAILED');
      });

      test('given no such object, then OBJECT_MISSING, with or without a range', async () => {
        await expectFailure(store.get('absent'), 'OBJECT_MISSING');
        await expectFailure(store.get('no/such/folder', { start: 0, length: 1 }), 'OBJECT_MISSING');
        await store.put('folder/object', [bytes('x')]);
        await expectFailure(store.get('folder'), 'OBJECT_MISSING');
      });
    });

    test('stat: given an object, then its size; given none, then undefined', async () => {
      await store.put('some/thing', [bytes('123')]);
      expect(await store.stat('some/thing')).toEqual({ name: 'some/thing', size: 3 });
      expect(await store.stat('some/other')).toBeUndefined();
      expect(await store.stat('some')).toBeUndefined();
      expect(await store.stat('some/thing/deeper')).toBeUndefined();
    });

    describe('list', () => {
      // `-` and `.` sort before `/`, digits and letters after it: the order of names is not that of a walk through folders.
      const names = ['A', 'a-b/x', 'a.b', 'a/x', 'a/x-y', 'a/x.y/z', 'a/x0', 'a0', 'a_', 'b/0', 'b/1', 'b/2/0', 'c'];

      beforeEach(async () => {
        for (const each of names.toReversed()) await store.put(each, [bytes(each)]);
      });
      const listed = async (...args: Parameters<ObjectStore['list']>) => (await store.list(...args)).map((o) => o.name);

      test('given an empty prefix, then every object, in the order of names, with sizes', async () => {
        expect(await store.list('')).toEqual(names.map((each) => ({ name: each, size: each.length })));
      });

      test('given a prefix, then the names that start with it, whether or not it ends at a folder', async () => {
        for (const prefix of ['a', 'a/', 'a/x', 'a/x.', 'a/x.y/z', 'b/', 'c', 'd', 'a/x/', '../', '/', 'b/2/']) {
          expect(await listed(prefix), prefix).toEqual(names.filter((each) => each.startsWith(prefix)));
        }
      });

      test('given `after`, then only what sorts after it, whether or not it exists', async () => {
        for (const after of [
          '',
          '!',
          'a',
          'a-b/x',
          'a.b',
          'a/',
          'a/x',
          'a/x.y',
          'a/x.y/zz',
          'b/1',
          'b/2/',
          'b/3',
          'c',
          'zz',
        ]) {
          expect(await listed('', { after }), after).toEqual(names.filter((each) => each > after));
          expect(await listed('a/', { after }), after).toEqual(
            names.filter((each) => each.startsWith('a/') && each > after),
          );
        }
      });

      test('given a limit, then pages of that size, each after the last name of the one before, are the whole list', async () => {
        for (const limit of [1, 2, 5, 13, 14]) {
          const pages: string[][] = [];
          let after = '';
          for (;;) {
            const page = await listed('', { after, limit });
            if (page.length === 0) break;
            pages.push(page);
            after = page.at(-1)!;
          }
          expect(pages.flat()).toEqual(names);
          expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
        }
      });

      test('given deleted objects, then they are not listed', async () => {
        await store.delete(['a/x', 'b/2/0', 'c']);
        expect(await listed('')).toEqual(names.filter((each) => !['a/x', 'b/2/0', 'c'].includes(each)));
      });
    });

    test('list: given more objects in one folder than a page holds, then 1,000 by default and the rest after them', async () => {
      const names = Array.from({ length: 1_100 }, (_, i) => `many/${String(i).padStart(5, '0')}`);
      await Promise.all(names.map((each) => store.put(each, [])));
      const first = (await store.list('many/')).map((object) => object.name);
      expect(first).toEqual(names.slice(0, 1_000));
      const rest = (await store.list('many/', { after: first.at(-1)!, limit: 5_000 })).map((object) => object.name);
      expect(rest).toEqual(names.slice(1_000));
    });

    test('delete: given names, of which some do not exist, then they are gone, and deleting again is no error', async () => {
      await store.put('keep/1', [bytes('k')]);
      await store.put('drop/1', [bytes('d')]);
      await store.put('drop/2', [bytes('d')]);
      await store.delete(['drop/1', 'never', 'drop/2', 'no/such/folder', 'keep']);
      await store.delete(['drop/1', 'drop/2']);
      await store.delete([]);
      expect((await store.list('')).map((object) => object.name)).toEqual(['keep/1']);
      await expectFailure(store.get('drop/1'), 'OBJECT_MISSING');
      expect(text(await store.get('keep/1'))).toBe('k');
    });

    test('delete: given 1,000 names it deletes them, given more it refuses and deletes none', async () => {
      const names = Array.from({ length: 1_000 }, (_, i) => `d/${i}`);
      await store.put('d/0', []);
      await store.put('d/999', []);
      await expectFailure(store.delete([...names, 'd/1000']), 'STORE_FAILED');
      expect(await store.list('d/')).toHaveLength(2);
      await store.delete(names);
      expect(await store.list('d/')).toHaveLength(0);
    });

    test.each([
      ['empty', ''],
      ['dot', '.'],
      ['parent', '..'],
      ['leading parent', '../outside'],
      ['inner parent', 'a/../../outside'],
      ['absolute', '/outside'],
      ['trailing slash', 'a/'],
      ['double slash', 'a//b'],
      ['backslash', 'a\\b'],
      ['space', 'a b'],
      ['line end', 'a\n'],
      ['zero byte', 'a\0b'],
      ['accent', 'é'],
      ['percent', '%2e%2e'],
      ['tilde', '~temp/0'],
      ['513 characters', `${'a/'.repeat(256)}b`],
    ])('names: given one that is invalid (%s), then every operation refuses it', async (_, invalid) => {
      await expectFailure(store.put(invalid, [bytes('x')]), 'STORE_FAILED');
      await expectFailure(store.get(invalid), 'STORE_FAILED');
      await expectFailure(store.stat(invalid), 'STORE_FAILED');
      await expectFailure(store.delete([invalid]), 'STORE_FAILED');
      expect(await store.list('')).toEqual([]);
    });

    test('names: given any that is valid, up to 512 characters, then it works', async () => {
      for (const valid of [
        'a',
        '...',
        '..a',
        '-',
        '_',
        '.hidden',
        'A.b-c_9/x',
        `${'d/'.repeat(255)}bc`,
        'x'.repeat(200),
      ]) {
        await store.put(valid, [bytes(valid)]);
        expect(text(await store.get(valid))).toBe(valid);
      }
    });

    test('abort: given a signal that has aborted, then each operation rejects with its reason and does nothing', async () => {
      await store.put('there', [bytes('x')]);
      const reason = new Error('enough');
      const signal = AbortSignal.abort(reason);
      await expect(store.put('new', [bytes('x')], { signal })).rejects.toBe(reason);
      await expect(store.get('there', { signal })).rejects.toBe(reason);
      await expect(store.stat('there', { signal })).rejects.toBe(reason);
      await expect(store.list('', { signal })).rejects.toBe(reason);
      await expect(store.delete(['there'], { signal })).rejects.toBe(reason);
      expect((await store.list('')).map((object) => object.name)).toEqual(['there']);
    });

    test('abort: given puts that are aborted under way, then each is there whole or not at all, and those that resolved are', async () => {
      const content = randomBytes(MIB);
      const controllers = Array.from({ length: 30 }, () => new AbortController());
      const puts = Promise.allSettled(
        controllers.map((controller, i) => store.put(`abort/${i}`, [content], { signal: controller.signal })),
      );
      for (const [i, controller] of controllers.entries()) {
        if (i % 3 !== 0) controller.abort(new Error('enough'));
        await store.stat('abort/0');
      }
      const outcomes = await puts;
      for (const [i, outcome] of outcomes.entries()) {
        const found = await store.get(`abort/${i}`).catch((cause: ObjectError) => cause.code);
        if (outcome.status === 'rejected') expect(outcome.reason).toEqual(new Error('enough'));
        if (outcome.status === 'fulfilled' || found !== 'OBJECT_MISSING') {
          expect(Buffer.compare(found as Uint8Array, content)).toBe(0);
        }
        if (i % 3 === 0) expect(outcome.status).toBe('fulfilled');
      }
    });

    test('given 300 puts and gets at once, then every object is its own', async () => {
      const contents = Array.from({ length: 300 }, (_, i) => randomBytes(1 + ((i * 997) % 40_000)));
      await Promise.all(
        contents.map(async (content, i) => {
          const each = `mixed/${(i % 16).toString(16)}/${i}`;
          await store.put(each, [content.subarray(0, i), content.subarray(i)]);
          expect(Buffer.compare(await store.get(each), content)).toBe(0);
        }),
      );
      const again = await Promise.all(contents.map((_, i) => store.get(`mixed/${(i % 16).toString(16)}/${i}`)));
      for (const [i, found] of again.entries()) expect(Buffer.compare(found, contents[i]!)).toBe(0);
    });

    test('close: given a closed store, then what was under way ends and every operation after it is refused', async () => {
      const put = store.put('last', [bytes('x')]);
      await store.close();
      await put;
      await expectFailure(store.put('late', [bytes('x')]), 'STORE_FAILED');
      await expectFailure(store.get('last'), 'STORE_FAILED');
      await expectFailure(store.stat('last'), 'STORE_FAILED');
      await expectFailure(store.list(''), 'STORE_FAILED');
      await expectFailure(store.delete(['last']), 'STORE_FAILED');
      await store.close();
    });

    test('reopen: given what a store held, when it is opened again, then it is the same, and names stay taken', async ({
      skip,
    }) => {
      const { reopen } = opened;
      if (reopen === undefined) return skip('nothing outlives this store');
      const content = randomBytes(100_000);
      await store.put('segments/aa/1', [content]);
      await store.put('segments/bb/2', []);
      await store.put('segments/bb/3', [bytes('gone')]);
      await store.delete(['segments/bb/3']);
      const before = await store.list('');

      const again = await reopen();

      expect(await again.list('')).toEqual(before);
      expect(Buffer.compare(await again.get('segments/aa/1'), content)).toBe(0);
      await expectFailure(again.get('segments/bb/3'), 'OBJECT_MISSING');
      await expectFailure(again.put('segments/aa/1', [bytes('x')]), 'OBJECT_EXISTS');
      await again.put('segments/cc/4', [bytes('new')]);
    });
  });
}
