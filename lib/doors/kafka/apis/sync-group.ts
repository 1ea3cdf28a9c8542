/**
 * SyncGroup, versions 0 to 5: the leader brings the assignment, every member takes its own; answered when the leader has. Protocol type and
 * name must be told from version 5 on, and be the group's (KIP-559).
 */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { array, bytes, int16, int32, nullable, since, string, struct } from '../protocol/schema.ts';

const NOTHING = new Uint8Array(0);
const PROTOCOL_TOLD = 5;

export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexible: 4,
  waits: true,
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, nullable(string), null),
    protocolType: since(5, nullable(string), null),
    protocolName: since(5, nullable(string), null),
    assignments: array(struct({ memberId: string, assignment: bytes })),
  }),
  response: struct({
    throttleTimeMs: since(1, int32),
    errorCode: int16,
    protocolType: since(5, nullable(string), null),
    protocolName: since(5, nullable(string), null),
    assignment: bytes,
  }),
  async handle(request, { gateway, version }) {
    if (version >= PROTOCOL_TOLD && (request.protocolType === null || request.protocolName === null)) {
      return { errorCode: numberOf('INCONSISTENT_GROUP_PROTOCOL'), assignment: NOTHING };
    }
    const answer = await gateway.groups.sync({
      group: request.groupId,
      generation: request.generationId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      protocolType: request.protocolType,
      protocolName: request.protocolName,
      assignments: request.assignments,
    });
    if ('error' in answer) return { errorCode: numberOf(answer.error), assignment: NOTHING };
    return { errorCode: NO_ERROR, ...answer };
  },
});
