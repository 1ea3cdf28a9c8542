import { afterAll, beforeAll, describe } from 'vitest';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../../support/dynoxide.ts';
import { staleHeads } from './stale-heads.ts';

describe.skipIf(dynoxideMissing !== undefined)('over dynoxide', () => {
  let dynoxide: Dynoxide;
  beforeAll(async () => {
    dynoxide = await startDynoxide();
  });
  afterAll(() => dynoxide.stop());

  staleHeads(() => dynoxide.client);
});
