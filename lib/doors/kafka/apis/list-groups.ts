/**
 * ListGroups, versions 0 to 5: all groups that have members here or offsets, by state (version 4, KIP-518) and type (version 5,
 * KIP-848). All are classic. What is not coordinated here is Empty, and its protocol type is not known.
 */
import { defineApi } from '../api.ts';
import { failureCode, NO_ERROR } from '../failures.ts';
import { array, int16, int32, since, string, struct } from '../protocol/schema.ts';

const TYPE = 'classic';

export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexible: 3,
  request: struct({ statesFilter: since(4, array(string)), typesFilter: since(5, array(string)) }),
  response: struct({
    throttleTimeMs: since(1, int32),
    errorCode: int16,
    groups: array(
      struct({
        groupId: string,
        protocolType: string,
        groupState: since(4, string),
        groupType: since(5, string),
      }),
    ),
  }),
  async handle({ statesFilter, typesFilter }, { gateway }) {
    const wanted = (filter: readonly string[], value: string) =>
      filter.length === 0 || filter.some((one) => one.toLowerCase() === value.toLowerCase());
    try {
      const groups = (await gateway.groups.list())
        .filter(({ state }) => wanted(statesFilter, state) && wanted(typesFilter, TYPE))
        .map(({ id, protocolType, state }) => ({ groupId: id, protocolType, groupState: state, groupType: TYPE }));
      return { errorCode: NO_ERROR, groups };
    } catch (error) {
      return { errorCode: failureCode(error), groups: [] };
    }
  },
});
