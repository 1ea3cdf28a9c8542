import { describe, it } from 'vitest';
import { systemRandom } from '../../../lib/ids.ts';
import { type DynamodbOptions, openDynamodb } from '../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { catalogContract } from '../../contract/catalog.ts';
import { dynoxideMissing, startDynoxide } from '../../support/dynoxide.ts';

if (dynoxideMissing) {
  describe('the Catalog contract: DynamoDB', () => {
    it.skip(`skipped: ${dynoxideMissing}`, () => {});
  });
} else {
  for (const mark of ['cancel', 'self'] as const) {
    catalogContract(`DynamoDB, ${mark} mark`, async (clock) => {
      const engine = await startDynoxide();
      const options: DynamodbOptions = { client: engine.client, table: 'varve', clock, random: systemRandom, mark };
      const open = await openDynamodb({ ...options, createTable: true });
      const catalogs = [open];
      const openAnother = async () => {
        const another = await openDynamodb(options);
        catalogs.push(another);
        return another;
      };
      return {
        catalog: open,
        another: openAnother,
        reopen: async () => {
          await Promise.all(catalogs.splice(0).map((catalog) => catalog.close()));
          return openAnother();
        },
        cleanup: async () => {
          await Promise.all(catalogs.map((catalog) => catalog.close()));
          await engine.stop();
        },
      };
    });
  }
}
