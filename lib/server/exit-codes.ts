import { VarveError } from '../errors.ts';

/** What a process that serves ends with. Stable: scripts rely on them. Where the command line has the same case, the same number. */
export const EXIT = {
  ok: 0,
  failed: 1,
  wrongOptions: 2,
  cannotListen: 4,
  dataFolderInUse: 5,
  dataUnreadable: 6,
} as const;

export function exitCodeOf(error: unknown): number {
  if (error instanceof VarveError) {
    if (error.code === 'DATA_FOLDER_IN_USE') return EXIT.dataFolderInUse;
    if (error.code === 'INVALID_REQUEST' || error.code === 'INVALID_CONFIG') return EXIT.wrongOptions;
    if (error.code === 'DATA_FORMAT_TOO_NEW' || error.code === 'DATA_UNREADABLE') return EXIT.dataUnreadable;
  }
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL' || code === 'EACCES' ? EXIT.cannotListen : EXIT.failed;
}
