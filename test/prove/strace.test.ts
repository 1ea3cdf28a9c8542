import { expect, test } from 'vitest';
import { callsOf, quoted, target } from './strace.ts';

const trace = [
  '71 openat(AT_FDCWD</work>, "/d/draft", O_WRONLY|O_CREAT|O_EXCL, 0666) = 21</d/draft>',
  '72 fdatasync(9</d/c.sqlite-wal> <unfinished ...>',
  '71 write(18<TCP:[127.0.0.1:80->127.0.0.1:99]>, "HTTP/1.1 200 OK\\r\\n<unfinished ...> \\"a\\"", 30) = 30',
  '72 <... fdatasync resumed>)                = 0',
  '71 linkat(AT_FDCWD</work>, "/d/draft", AT_FDCWD</work>, "/d/o/1", 0) = 0',
  '71 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER} ---',
  '73 fsync(21</d/draft> <unfinished ...>',
  '73 +++ exited with 0 +++',
].join('\n');

test('a call that another interrupts has its own beginning and end', () => {
  const calls = callsOf(trace);
  expect(calls.map(({ name, began, ended }) => [name, began, ended])).toEqual([
    ['openat', 0, 0],
    ['write', 2, 2],
    ['fdatasync', 1, 3],
    ['linkat', 4, 4],
  ]);
});

test('descriptors are known by path or address, paths by their quotes', () => {
  const [, write, sync, link] = callsOf(trace);
  expect(target(write!)).toBe('TCP:[127.0.0.1:80->127.0.0.1:99]');
  expect(target(sync!)).toBe('/d/c.sqlite-wal');
  expect(quoted(link!)).toEqual(['/d/draft', '/d/o/1']);
});
