import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFilesystem } from '../../../lib/stores/objects/filesystem.ts';
import { objectStoreContract } from '../../contract/objects.ts';

objectStoreContract('filesystem', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'varve-objects-'));
  const root = join(folder, 'data', 'objects');
  let store = await openFilesystem(root);
  return {
    store,
    async reopen() {
      await store.close();
      store = await openFilesystem(root);
      return store;
    },
    async cleanup() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});
