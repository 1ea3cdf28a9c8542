import { openMemory } from '../../../lib/stores/objects/memory.ts';
import { objectStoreContract } from '../../contract/objects.ts';

objectStoreContract('memory', async () => {
  const store = openMemory();
  return { store, cleanup: () => store.close() };
});
