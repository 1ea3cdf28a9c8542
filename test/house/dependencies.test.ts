import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/**
 * DESIGN's rule "arrows point one way", as data. A file belongs to the first room whose pattern it matches, and may import from
 * its own room and from those in `from`. `fs`, `sqlite`, `aws`: whether it may import node:fs, node:sqlite, an SDK.
 */
const ROOMS: Record<string, { files: RegExp; from: string[]; fs?: true; sqlite?: true; aws?: true }> = {
  base: { files: /^lib\/(errors|clock|ids|log\/partitioner)\.ts$/, from: [] },
  format: { files: /^lib\/format\//, from: ['base'] },
  ports: { files: /^lib\/stores\/(objects\/(objects|names|range)|catalog\/[^/]+)\.ts$/, from: ['base', 'format'] },
  sqlite: { files: /^lib\/stores\/catalog\/sqlite\//, from: ['base', 'format', 'ports'], fs: true, sqlite: true },
  dynamodb: { files: /^lib\/stores\/catalog\/dynamodb\//, from: ['base', 'format', 'ports'], aws: true },
  filesystem: {
    files: /^lib\/stores\/objects\/(filesystem|file-system|list-names)\.ts$/,
    from: ['base', 'ports'],
    fs: true,
  },
  s3: { files: /^lib\/stores\/objects\/s3\b/, from: ['base', 'ports'], aws: true },
  memory: { files: /^lib\/stores\/objects\/memory\b/, from: ['base', 'ports'] },
  partitioner: { files: /^lib\/log\/partitioner\.ts$/, from: ['base'] },
  log: { files: /^lib\/log\//, from: ['base', 'format', 'ports', 'partitioner'] },
  sigv4: { files: /^lib\/client\/sigv4\.ts$/, from: ['client'], aws: true },
  client: { files: /^lib\/client\//, from: ['base', 'partitioner', 'sigv4'] },
  runtime: { files: /^lib\/runtime\//, from: ['base', 'ports', 'log'], fs: true },
  http: { files: /^lib\/doors\/http\//, from: ['base', 'format', 'ports', 'log'] },
  kafka: { files: /^lib\/doors\/kafka\//, from: ['base', 'format', 'log'] },
  open: {
    files: /^lib\/open\//,
    from: ['base', 'format', 'ports', 'log', 'sqlite', 'dynamodb', 'filesystem', 's3', 'memory', 'runtime'],
    fs: true,
  },
  server: { files: /^lib\/server\//, from: ['base', 'log', 'http', 'kafka', 'open'], fs: true },
  credentials: { files: /^lib\/doors\/cli\/credentials\.ts$/, from: ['client'], aws: true },
  cli: {
    files: /^lib\/doors\/cli\//,
    from: ['base', 'format', 'log', 'client', 'credentials', 'open', 'server', 'runtime'],
    fs: true,
  },
  testing: {
    files: /^lib\/testing\//,
    from: ['base', 'log', 'ports', 'http', 'open', 'server', 'client', 'runtime'],
    fs: true,
  },
  index: { files: /^lib\/index\.ts$/, from: ['base', 'format', 'ports', 'log', 'open', 'client'] },
};

const root = fileURLToPath(new URL('../../', import.meta.url));
const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|(?:\bimport\s*\(?\s*)['"]([^'"]+)['"]/g;

/** What a file imports, types included: files of ours by their path from the root, all else as written. */
function importsOf(file: string, source = readFileSync(join(root, file), 'utf8')): string[] {
  return [...source.matchAll(IMPORT)].map(([, named, bare]) => {
    const name = named ?? bare ?? '';
    return name.startsWith('.') ? relative(root, join(root, dirname(file), name)) : name;
  });
}

const roomOf = (file: string) => Object.keys(ROOMS).find((name) => ROOMS[name]!.files.test(file));

const files = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => `lib/${file}`);
const imports = new Map(files.map((file) => [file, importsOf(file)]));

/** Lines `file -> import` for which the rule does not hold. */
const offences = (holds: (file: string, imported: string) => boolean) =>
  [...imports].flatMap(([file, names]) =>
    names.filter((name) => !holds(file, name)).map((name) => `${file} -> ${name}`),
  );

describe('what a file of lib may import', () => {
  test('imports are found in every way they are written', () => {
    const source = `import type { A } from './a.ts';\nimport {\n  B,\n} from "../b.ts";\nexport * from './c.ts';\nawait import('node:fs');\nimport 'x';`;
    expect(importsOf('lib/log/here.ts', source)).toEqual(['lib/log/a.ts', 'lib/b.ts', 'lib/log/c.ts', 'node:fs', 'x']);
  });

  test('every file has a room', () => {
    expect(files.filter((file) => roomOf(file) === undefined)).toEqual([]);
  });

  test('arrows point one way', () => {
    const allowed = (file: string, imported: string) => {
      if (!imported.startsWith('lib/')) return !imported.endsWith('.ts');
      const [from, to] = [roomOf(file), roomOf(imported)];
      return from !== undefined && to !== undefined && (from === to || ROOMS[from]!.from.includes(to));
    };
    expect(offences(allowed)).toEqual([]);
  });

  test('only adapters know SQLite or an SDK, and files are met only there and where a process is put together', () => {
    const guarded = (file: string, imported: string) => {
      const room = ROOMS[roomOf(file) ?? 'base']!;
      if (imported === 'node:sqlite') return room.sqlite ?? false;
      if (/^(@aws-sdk|@smithy)\//.test(imported)) return room.aws ?? false;
      if (/^node:fs(\/|$)/.test(imported)) return room.fs ?? false;
      return true;
    };
    expect(offences(guarded)).toEqual([]);
  });

  test('built-in modules carry the node: prefix', () => {
    expect(
      offences((_, name) => !/^(fs|path|crypto|zlib|http|net|os|util|stream|events|url)(\/|$)/.test(name)),
    ).toEqual([]);
  });

  test('the formats are pure: no network, no files, no processes, no threads', () => {
    const pure = ['node:zlib', 'node:buffer', 'node:module', 'node:util'];
    expect(
      offences((file, name) => roomOf(file) !== 'format' || !name.startsWith('node:') || pure.includes(name)),
    ).toEqual([]);
  });

  test('whoever imports varve gets no SDK and no SQLite with it', () => {
    expect(reachedFrom('lib/index.ts').filter((name) => /^(@aws-sdk|@smithy)\/|^node:sqlite$/.test(name))).toEqual([]);
  });

  test('the client runs where there is no Node', () => {
    expect(reachedFrom('lib/client/client.ts').filter((name) => name.startsWith('node:'))).toEqual([]);
  });
});

/** Everything that comes with a file. */
function reachedFrom(file: string): string[] {
  const reached = new Set([file]);
  for (const each of reached) for (const name of imports.get(each) ?? []) reached.add(name);
  return [...reached];
}
