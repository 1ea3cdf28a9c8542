import { link, mkdir, open, opendir, stat, unlink } from 'node:fs/promises';

/** An open file, as `node:fs/promises` has it. */
export interface OpenFile {
  /** Appends; may write less than asked. */
  writev(parts: Uint8Array[]): Promise<{ bytesWritten: number }>;
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  stat(): Promise<{ size: number; isFile(): boolean }>;
  /** Everything written so far survives a loss of power. The file's name does not: see `syncFolder`. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The operations of `node:fs/promises` that the filesystem adapter rests on, so that a test can slide a faulty disk under it. */
export interface FileSystem {
  /** `r` reads; `wx` makes a file that did not exist. */
  open(path: string, flags: 'r' | 'wx'): Promise<OpenFile>;
  /** A second name for a file. EEXIST when the name is taken: of concurrent links to one name a single one succeeds. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Answers the first folder that had to be made; one that exists is no error. */
  mkdir(path: string, options: { recursive: true }): Promise<string | undefined>;
  /** A folder's entries, in no order, read a few at a time. */
  opendir(path: string): Promise<AsyncIterable<{ name: string; isFile(): boolean; isDirectory(): boolean }>>;
  stat(path: string): Promise<{ size: number; isFile(): boolean }>;
  /** The folder's entries, as they are at the call, survive a loss of power. */
  syncFolder(path: string): Promise<void>;
}

export const nodeFileSystem: FileSystem = {
  open,
  link,
  unlink,
  mkdir,
  stat,
  opendir: (path) => opendir(path, { bufferSize: 256 }),
  async syncFolder(path) {
    // Windows opens no folders; NTFS journals names itself.
    if (process.platform === 'win32') return;
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};
