import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { count, type Proof, rate } from './trial.ts';
import type { VolumeReport } from './volume-process.ts';

const MAX_RESIDENT = 512 * 1024 * 1024;
const PROCESS = fileURLToPath(new URL('./volume-process.ts', import.meta.url));

/** Far more than memory goes through one process: appended, then read and compared, with bounded memory. */
export const prove: Proof = async ({ size, folder, figure, claim }) => {
  const bytes = size === 'full' ? 10e9 : 300e6;
  const { stdout } = await promisify(execFile)(process.execPath, [PROCESS, folder, `${bytes}`]);
  const report = JSON.parse(stdout) as VolumeReport;
  figure('appended', `${count(report.appended)} records, ${(report.bytes / 1e9).toFixed(1)} GB`);
  figure('append', rate(report.bytes, report.appendMs));
  figure('read, decoded and compared', rate(report.bytes, report.readMs));
  figure('peak resident memory after the append', mebibytes(report.peakAfterAppend));
  figure('peak resident memory at the end', mebibytes(report.peak));
  claim(
    'every record is read back at its offset, as it was',
    report.right === report.appended,
    `${count(report.right)}`,
  );
  claim(`the process stays under ${mebibytes(MAX_RESIDENT)}`, report.peak < MAX_RESIDENT, mebibytes(report.peak));
};

const mebibytes = (value: number) => `${Math.round(value / 1024 / 1024)} MiB`;
