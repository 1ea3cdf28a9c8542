import type { AwsCredentials } from '../../client/client.ts';

/**
 * AWS credentials as the SDK and the AWS command line find them: of the profile, or else of the environment, AWS_PROFILE, the files,
 * single sign-on, the container or the machine. Found once, and again when they are about to expire.
 */
export function credentialsOf(profile: string | undefined): () => Promise<AwsCredentials> {
  let found: Promise<() => Promise<AwsCredentials>> | undefined;
  return async () => {
    // Only who signs needs it.
    found ??= import('@aws-sdk/credential-provider-node').then(({ defaultProvider }) =>
      defaultProvider(profile === undefined ? {} : { profile }),
    );
    return (await found)();
  };
}
