/** DeleteGroups, versions 0 to 2: forgets groups without members, with their offsets (KIP-229); one that is named twice, once. */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { fewAtOnce } from '../parts.ts';
import { array, int16, int32, string, struct } from '../protocol/schema.ts';

export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexible: 2,
  request: struct({ groupsNames: array(string) }),
  response: struct({ throttleTimeMs: int32, results: array(struct({ groupId: string, errorCode: int16 })) }),
  async handle({ groupsNames }, { gateway }) {
    const results = await fewAtOnce([...new Set(groupsNames)], async (groupId) => {
      const error = await gateway.groups.delete(groupId);
      return { groupId, errorCode: error ? numberOf(error) : NO_ERROR };
    });
    return { throttleTimeMs: 0, results };
  },
});
