// `varve` and `varve/client` come without any SDK, the CDK and SQLite: here their loading fails.
import { registerHooks } from 'node:module';

const refused = /^(@aws-sdk|@smithy)\/|^(aws-cdk-lib|constructs)(\/|$)|^node:sqlite$/;
registerHooks({
  resolve(specifier, context, next) {
    if (refused.test(specifier)) throw new Error(`${context.parentURL} imports ${specifier}`);
    return next(specifier, context);
  },
});
await import('varve');
await import('varve/client');
for (const name of ['varve/aws', 'varve/embedded', 'varve/cdk']) {
  const loaded = await import(name).then(
    () => true,
    () => false,
  );
  if (loaded) throw new Error(`${name} was loaded though what it needs is refused: the refusal does not work`);
}
