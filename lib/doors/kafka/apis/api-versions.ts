/**
 * ApiVersions, versions 0 to 4: what is served, and in which versions.
 *
 * A version that is not known is answered in version 0 with UNSUPPORTED_VERSION, and the answer's header never has tagged
 * fields (KIP-511): both are the connection's doing. No features are offered (KIP-584): groups are classic, transactions of
 * version 0. From version 3 on clients say who they are, in words that Kafka allows, or are refused with INVALID_REQUEST.
 */
import { type Call, defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { array, bool, int16, int32, int64, since, string, struct, tagged } from '../protocol/schema.ts';

const NAMED = 3;
const WORD = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/;

export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexible: 3,
  request: struct({ clientSoftwareName: since(3, string), clientSoftwareVersion: since(3, string) }),
  response: struct({
    errorCode: int16,
    apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
    throttleTimeMs: since(1, int32),
    supportedFeatures: tagged(0, 3, array(struct({ name: string, minVersion: int16, maxVersion: int16 }))),
    finalizedFeaturesEpoch: tagged(1, 3, int64, -1),
    finalizedFeatures: tagged(2, 3, array(struct({ name: string, maxVersionLevel: int16, minVersionLevel: int16 }))),
    zkMigrationReady: tagged(3, 3, bool),
  }),
  handle({ clientSoftwareName, clientSoftwareVersion }, call) {
    const named = call.version < NAMED || [clientSoftwareName, clientSoftwareVersion].every((one) => WORD.test(one));
    return named ? served(call, NO_ERROR) : { errorCode: numberOf('INVALID_REQUEST'), apiKeys: [] };
  },
});

export function served({ gateway }: Call, errorCode: number) {
  const apiKeys = gateway.apis.map(({ key, versions: [minVersion, maxVersion] }) => ({
    apiKey: key,
    minVersion,
    maxVersion,
  }));
  return { errorCode, apiKeys };
}
