import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../../../lib/ids.ts';
import { openSqlite } from '../../../lib/stores/catalog/sqlite/sqlite.ts';
import { catalogContract, type OpenCatalog } from '../../contract/catalog.ts';

const inFile =
  (worker: boolean): OpenCatalog =>
  async (clock) => {
    const folder = await mkdtemp(join(tmpdir(), 'varve-sqlite-'));
    const open = () => openSqlite({ path: join(folder, 'catalog.db'), clock, random: systemRandom, worker });
    let catalog = await open();
    return {
      catalog,
      async reopen() {
        await catalog.close();
        catalog = await open();
        return catalog;
      },
      async cleanup() {
        await catalog.close();
        await rm(folder, { recursive: true });
      },
    };
  };

catalogContract('SQLite in a worker thread', inFile(true));
catalogContract('SQLite in the same thread', inFile(false));
catalogContract('SQLite in memory', async (clock) => {
  const catalog = await openSqlite({ path: ':memory:', clock, random: systemRandom });
  return { catalog, cleanup: () => catalog.close() };
});
