import { describe, it } from 'vitest';
import { systemRandom } from '../../../lib/ids.ts';
import { type DynamodbOptions, openDynamodb } from '../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable } from '../../../lib/stores/catalog/dynamodb/table.ts';
import { catalogContract, openShared } from '../../contract/catalog.ts';
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
      await createTable(options);
      return openShared(
        () => openDynamodb(options),
        () => engine.stop(),
      );
    });
  }
}
