/**
 * Stands in for `@aws-sdk/credential-provider-node` in the bundles: a function has its role's credentials in its environment, or,
 * where it lives longer than they do, at an address that the environment names. All other ways to get some (profiles, single
 * sign-on, processes, instance metadata) stay out of the bundle: 100 KB that every cold start would have to load.
 */
import { fromEnv } from '@aws-sdk/credential-provider-env';
import { fromHttp } from '@aws-sdk/credential-provider-http';

export function defaultProvider(): ReturnType<typeof fromEnv> | ReturnType<typeof fromHttp> {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: address } = process.env;
  return address ? fromHttp() : fromEnv();
}
