/**
 * Stands in for `@smithy/core/event-streams` in the bundles: none of our requests has such a stream (S3's Select does), and the SDK
 * imports it in a way that keeps esbuild from leaving out what else is not used.
 */
export const eventStreamSerdeProvider = (): undefined => undefined;

/** Completes a client's configuration: with nothing. */
export const resolveEventStreamSerdeConfig = <T>(config: T): T => config;
