import { expect, test } from 'vitest';
import { blocksOf } from './blocks.ts';

const page = (...lines: string[]) => lines.join('\n');

test('finds each block of a language that is run, with the line on which its text begins', () => {
  const blocks = blocksOf(
    page('# Title', '', '```sh', 'npm ci', '```', '', '```json', '{"a":1}', '```', '```ts', 'a();', '', 'b();', '```'),
  );
  expect(blocks).toEqual([
    { language: 'sh', line: 4, text: 'npm ci\n' },
    { language: 'ts', line: 11, text: 'a();\n\nb();\n' },
  ]);
});

test('a block inside a list loses the indentation of its fence only', () => {
  expect(blocksOf(page('1. first', '   ```python', '   if a:', '     b()', '   ```'))).toEqual([
    { language: 'python', line: 3, text: 'if a:\n  b()\n' },
  ]);
});

test('a longer fence shows a fence', () => {
  expect(blocksOf(page('````md', '```sh', 'false', '```', '````', '```sh', 'true', '```'))).toEqual([
    { language: 'sh', line: 7, text: 'true\n' },
  ]);
});

test('the reason for a skip is the paragraph above, where every reader sees it', () => {
  const [first, second] = blocksOf(
    page(
      'Text.',
      '',
      '_Not run by the tests: needs',
      'Docker._',
      '',
      '```sh',
      'docker ps',
      '```',
      '```sh',
      'true',
      '```',
    ),
  );
  expect(first?.skip).toBe('needs Docker.');
  expect(second?.skip).toBeUndefined();
});

test('a block may stay in a terminal of its own', () => {
  const [block] = blocksOf(page('```sh background until=http://127.0.0.1:8080/health', 'npm start', '```'));
  expect(block?.background).toEqual({ until: 'http://127.0.0.1:8080/health' });
});

test.each([
  ['```bash', 'write sh instead of bash'],
  ['```sh later', 'only "background" and "until=URL" are known'],
])('a fence that would slip through is refused: %s', (fence, message) => {
  expect(() => blocksOf(page(fence, 'true', '```'))).toThrow(message);
});

test('a fence that is never closed is refused', () => {
  expect(() => blocksOf(page('text', '```sh', 'true'))).toThrow('line 2');
});
