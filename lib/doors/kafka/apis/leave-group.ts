/**
 * LeaveGroup, versions 0 to 5: members leave. Several at once, and by the names of their instances alone, since version 3 (KIP-345): that
 * is how administrators remove members. Reasons (version 5, KIP-800) are not kept.
 */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { array, int16, int32, nullable, since, string, struct, until } from '../protocol/schema.ts';

const SEVERAL = 3;

export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexible: 4,
  request: struct({
    groupId: string,
    memberId: until(2, string),
    members: since(
      3,
      array(
        struct({
          memberId: string,
          groupInstanceId: since(3, nullable(string), null),
          reason: since(5, nullable(string), null),
        }),
      ),
    ),
  }),
  response: struct({
    throttleTimeMs: since(1, int32),
    errorCode: int16,
    members: since(3, array(struct({ memberId: string, groupInstanceId: nullable(string), errorCode: int16 }))),
  }),
  async handle({ groupId, memberId, members }, { gateway, version }) {
    const leave = async (id: string, instanceId: string | null) => {
      const error = await gateway.groups.leave(groupId, { memberId: id, instanceId });
      return error ? numberOf(error) : NO_ERROR;
    };
    if (groupId === '') return { errorCode: numberOf('INVALID_GROUP_ID'), members: [] };
    if (version < SEVERAL) return { errorCode: await leave(memberId, null) };
    const left = [];
    for (const { memberId: id, groupInstanceId } of members) {
      left.push({ memberId: id, groupInstanceId, errorCode: await leave(id, groupInstanceId) });
    }
    return { errorCode: NO_ERROR, members: left };
  },
});
