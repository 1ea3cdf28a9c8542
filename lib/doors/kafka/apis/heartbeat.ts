/** Heartbeat, versions 0 to 4: a member lives, and hears whether its group rebalances. */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { int16, int32, nullable, since, string, struct } from '../protocol/schema.ts';

export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexible: 4,
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, nullable(string), null),
  }),
  response: struct({ throttleTimeMs: since(1, int32), errorCode: int16 }),
  async handle({ groupId, generationId, memberId, groupInstanceId }, { gateway }) {
    const error = await gateway.groups.heartbeat(groupId, { memberId, instanceId: groupInstanceId }, generationId);
    return { errorCode: error ? numberOf(error) : NO_ERROR };
  },
});
