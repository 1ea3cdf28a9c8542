/**
 * DescribeCluster, versions 0 to 2: the gateways, and what may be done to the cluster when that is asked for (KIP-430). One gateway for
 * now. Controllers are no endpoint of their own (KIP-919), and none is fenced (KIP-1073).
 */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { authorizedOperations } from '../operations.ts';
import { array, bool, int8, int16, int32, nullable, since, string, struct } from '../protocol/schema.ts';

const BROKERS = 1;

export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexible: 0,
  request: struct({
    includeClusterAuthorizedOperations: bool,
    endpointType: since(1, int8, BROKERS),
    includeFencedBrokers: since(2, bool),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullable(string),
    endpointType: since(1, int8, BROKERS),
    clusterId: string,
    controllerId: int32,
    brokers: array(
      struct({ brokerId: int32, host: string, port: int32, rack: nullable(string), isFenced: since(2, bool) }),
    ),
    clusterAuthorizedOperations: int32,
  }),
  handle({ endpointType, includeClusterAuthorizedOperations }, { gateway: { log, config }, endpoint }) {
    const known = endpointType === BROKERS;
    return {
      throttleTimeMs: 0,
      errorCode: known ? NO_ERROR : numberOf('INVALID_REQUEST'),
      errorMessage: known ? null : 'Only brokers can be described: there are no controllers.',
      endpointType,
      clusterId: log.clusterId,
      controllerId: known ? config.nodeId : -1,
      brokers: known ? [{ brokerId: config.nodeId, ...endpoint, rack: null }] : [],
      clusterAuthorizedOperations: authorizedOperations('cluster', includeClusterAuthorizedOperations),
    };
  },
});
