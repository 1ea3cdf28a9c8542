import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APIS } from '../../../lib/doors/kafka/apis/apis.ts';

test('the table of APIs in docs/kafka.md is what the code serves', () => {
  const page = readFileSync(new URL('../../../docs/kafka.md', import.meta.url), 'utf8');
  const rows = APIS.map(({ name, key, versions: [first, last] }) => {
    return `| ${name} (${key}) | ${first === last ? first : `${first} to ${last}`} |`;
  });
  expect(page.match(/^\| \w+ \(\d+\) .*$/gm)).toEqual(rows);
});
