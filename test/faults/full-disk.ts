import { type FileSystem, nodeFileSystem } from '../../lib/stores/objects/file-system.ts';

export interface FullDisk {
  fs: FileSystem;
  /** Bytes that can still be written; infinite at first. At 0 nothing can be made either. Deleting frees nothing: set it. */
  room: number;
}

/** A FileSystem over the real one that runs out of room: ENOSPC, after a short write if some of it fits. */
export function fullDisk(under: FileSystem = nodeFileSystem): FullDisk {
  const disk: FullDisk = {
    room: Number.POSITIVE_INFINITY,
    fs: {
      ...under,
      async open(path, flags) {
        if (flags === 'wx') need();
        const file = await under.open(path, flags);
        return {
          read: (...where) => file.read(...where),
          stat: () => file.stat(),
          sync: () => file.sync(),
          close: () => file.close(),
          async writev(parts) {
            need();
            const bytes = Buffer.concat(parts).subarray(0, disk.room);
            disk.room -= bytes.length;
            return file.writev([bytes]);
          },
        };
      },
      async link(from, to) {
        need();
        return under.link(from, to);
      },
      async mkdir(path, how) {
        const made = await under.stat(path).catch(() => undefined);
        if (made === undefined) need();
        return under.mkdir(path, how);
      },
    },
  };
  function need(): void {
    if (disk.room <= 0) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  }
  return disk;
}
