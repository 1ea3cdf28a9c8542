/**
 * JoinGroup, versions 0 to 9: become a member of a classic group, or say again that one is; answered when the next generation begins.
 *
 * New dynamic members get their id first from version 4 on (KIP-394), static ones come back under the name of their instance from
 * version 5 on (KIP-345), and a leader that comes back need not assign from version 9 on (KIP-814). A session's time-out stands for
 * the rebalance's in version 0.
 */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { array, bool, bytes, int16, int32, nullable, since, string, struct } from '../protocol/schema.ts';

const ID_FIRST = 4;
const CAN_SKIP_ASSIGNMENT = 9;
const NULLABLE_PROTOCOL = 7;

export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexible: 6,
  waits: true,
  request: struct({
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: since(1, int32, -1),
    memberId: string,
    groupInstanceId: since(5, nullable(string), null),
    protocolType: string,
    protocols: array(struct({ name: string, metadata: bytes })),
    reason: since(8, nullable(string), null),
  }),
  response: struct({
    throttleTimeMs: since(2, int32),
    errorCode: int16,
    generationId: int32,
    protocolType: since(7, nullable(string), null),
    protocolName: nullable(string, 7),
    leader: string,
    skipAssignment: since(9, bool),
    memberId: string,
    members: array(struct({ memberId: string, groupInstanceId: since(5, nullable(string), null), metadata: bytes })),
  }),
  async handle(request, { gateway, version, clientId, clientHost }) {
    const answer = await gateway.groups.join({
      group: request.groupId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      protocolType: request.protocolType,
      // Copies: they outlive the request's frame.
      protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Uint8Array.from(metadata) })),
      sessionTimeout: request.sessionTimeoutMs,
      rebalanceTimeout: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
      clientId,
      clientHost,
      idFirst: version >= ID_FIRST,
      canSkipAssignment: version >= CAN_SKIP_ASSIGNMENT,
    });
    if ('error' in answer) {
      return {
        errorCode: numberOf(answer.error),
        generationId: -1,
        protocolName: version >= NULLABLE_PROTOCOL ? null : '',
        leader: '',
        memberId: answer.memberId,
        members: [],
      };
    }
    return {
      errorCode: NO_ERROR,
      generationId: answer.generation,
      protocolType: answer.protocolType,
      protocolName: answer.protocolName,
      leader: answer.leader,
      skipAssignment: answer.skipAssignment,
      memberId: answer.memberId,
      members: answer.members.map(({ memberId, instanceId, metadata }) => ({
        memberId,
        groupInstanceId: instanceId,
        metadata,
      })),
    };
  },
});
