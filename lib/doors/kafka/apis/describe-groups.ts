/**
 * DescribeGroups, versions 0 to 6: groups with their members and what these were assigned. A group that there is not is Dead: without
 * an error up to version 5, from then on with GROUP_ID_NOT_FOUND (KIP-1043). Metadata of members is told once a protocol has been chosen. What
 * may be done to a group is told when it is asked for (KIP-430).
 */
import { type Call, defineApi } from '../api.ts';
import type { Group } from '../coordinator/group.ts';
import { metadataOf } from '../coordinator/member.ts';
import { failureCode, NO_ERROR, numberOf } from '../failures.ts';
import { authorizedOperations, NOT_TOLD } from '../operations.ts';
import { fewAtOnce } from '../parts.ts';
import { array, bool, bytes, int16, int32, nullable, since, string, struct } from '../protocol/schema.ts';

const TELLS_NO_GROUP = 6;

export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexible: 5,
  request: struct({ groups: array(string), includeAuthorizedOperations: since(3, bool) }),
  response: struct({
    throttleTimeMs: since(1, int32),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: since(6, nullable(string), null),
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: since(4, nullable(string), null),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: since(3, int32, NOT_TOLD),
      }),
    ),
  }),
  async handle({ groups, includeAuthorizedOperations }, call) {
    const authorized = authorizedOperations('group', includeAuthorizedOperations);
    const described = await fewAtOnce([...new Set(groups)], (id) => describe(call, id));
    return { groups: described.map((group) => ({ ...group, authorizedOperations: authorized })) };
  },
});

async function describe({ gateway: { groups }, version }: Call, groupId: string) {
  const absent = { groupId, protocolType: '', protocolData: '', members: [] };
  const known = groups.known(groupId);
  if (known) return { errorCode: NO_ERROR, groupId, ...membersOf(known) };
  try {
    const protocolType = await groups.find(groupId);
    if (protocolType === undefined) return { ...notFound(groupId, version), groupState: 'Dead', ...absent };
    return { errorCode: NO_ERROR, groupState: 'Empty', ...absent, protocolType };
  } catch (error) {
    return { errorCode: failureCode(error), groupState: '', ...absent };
  }
}

function notFound(groupId: string, version: number) {
  if (version < TELLS_NO_GROUP) return { errorCode: NO_ERROR };
  return { errorCode: numberOf('GROUP_ID_NOT_FOUND'), errorMessage: `Group ${groupId} not found.` };
}

function membersOf({ state, protocolType, protocolName, members }: Group) {
  return {
    groupState: state,
    protocolType,
    protocolData: protocolName,
    members: [...members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: metadataOf(member, protocolName),
      memberAssignment: member.assignment,
    })),
  };
}
