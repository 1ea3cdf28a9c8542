import { randomInt } from 'node:crypto';
import { describe, it } from 'vitest';
import { systemRandom } from '../../../../lib/ids.ts';
import { type DynamodbOptions, openDynamodb } from '../../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable } from '../../../../lib/stores/catalog/dynamodb/table.ts';
import { catalogContract, openShared } from '../../../contract/catalog.ts';
import { injectFaults, NO_FAULTS } from '../../../faults/inject.ts';
import { through } from '../../../faults/transport.ts';
import { dynoxideMissing, startDynoxide } from '../../../support/dynoxide.ts';
import { seeded } from '../../../support/random.ts';

const SEED = Number(process.env.FAULT_SEED ?? randomInt(2 ** 31));

/** What may happen to any request without its caller being told more than that it takes longer. */
const FAULTS = { ...NO_FAULTS, unsent: 0.03, lost: 0.06, busy: 0.06, broken: 0.04 };

if (dynoxideMissing) {
  describe('the Catalog contract: DynamoDB under faults', () => {
    it.skip(`skipped: ${dynoxideMissing}`, () => {});
  });
} else {
  catalogContract(
    `DynamoDB under faults (FAULT_SEED=${SEED})`,
    async (clock) => {
      const engine = await startDynoxide();
      const options = { client: engine.client, table: 'varve', clock, random: systemRandom };
      await createTable(options);
      const { hook } = injectFaults(FAULTS, seeded(SEED));
      const faulty: DynamodbOptions = { ...options, client: through(engine.client, hook) };
      return openShared(
        () => openDynamodb(faulty),
        () => engine.stop(),
      );
    },
    // The parts that write; what is left only reads, or takes minutes at this rate of faults.
    ['topics', 'idempotence', 'floor', 'producers', 'groups', 'leases', 'subscriptions'],
  );
}
