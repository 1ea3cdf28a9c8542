import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APIS } from '../../../lib/doors/kafka/apis/apis.ts';

test.each(['README.md', 'docs/kafka.md'])('the table of APIs in %s is what the code serves', (name) => {
  const page = readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
  const rows = APIS.map(({ name, key, versions: [first, last] }) => {
    return `| ${name} (${key}) | ${first === last ? first : `${first} to ${last}`} |`;
  });
  expect(page.match(/^\| \w+ \(\d+\) .*$/gm)).toEqual(rows);
});
