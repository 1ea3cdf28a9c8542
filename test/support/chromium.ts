import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const path = process.env.VARVE_CHROMIUM ?? find();

/** Why tests in a browser are skipped here; undefined when they run. */
export const chromiumMissing: string | undefined =
  path === undefined
    ? `there is none of ${NAMES.join(', ')} on the PATH: on Debian, apt-get install --no-install-recommends chromium fonts-dejavu-core`
    : undefined;

/** The machine's own browser, without a window. */
export function startChromium(): Promise<Browser> {
  if (path === undefined) throw new Error(chromiumMissing);
  return chromium.launch({ executablePath: path, headless: true, args: FLAGS });
}

function find(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
