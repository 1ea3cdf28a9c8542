import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Manifest, published } from '../../package/manifest.ts';

const clone = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest;

test('what is published is JavaScript with its types, under the names that the clone exports', () => {
  const { exports } = published(clone, new Set());

  expect(Object.keys(exports).sort()).toEqual([...Object.keys(clone.exports), './package.json'].sort());
  expect(exports['./client']).toEqual({ types: './lib/client/client.d.ts', default: './lib/client/client.js' });
  expect(JSON.stringify(exports)).not.toMatch(/[^d]\.ts"/);
});

test('of the dependencies it names what it imports: the CDK is the peer of who wants it, the project’s Node nobody’s', () => {
  const manifest = published(clone, new Set(['hono', 'aws-cdk-lib', '@node-rs/crc32']));

  expect(manifest.dependencies).toEqual({ hono: clone.dependencies.hono });
  expect(manifest.optionalDependencies).toEqual({ '@node-rs/crc32': clone.optionalDependencies['@node-rs/crc32'] });
  expect(Object.keys(manifest.peerDependencies)).toEqual(['aws-cdk-lib', 'constructs']);
  expect(manifest.peerDependenciesMeta['aws-cdk-lib']).toEqual({ optional: true });
  expect(manifest).not.toHaveProperty('private');
  expect(manifest).not.toHaveProperty('scripts');
  expect(manifest).not.toHaveProperty('devDependencies');
});

test('an import without a dependency is found when it is built, not when a user meets it', () => {
  expect(() => published(clone, new Set(['esbuild']))).toThrow(/esbuild is imported/);
});
