/** `npx cdk deploy --app 'node examples/streams/app.ts'` */
import { App, CfnOutput } from 'aws-cdk-lib';
import { buildFunctions } from '../../cdk/build-functions.ts';
import { Streams } from './stack.ts';

// In a clone the log's own functions are bundled first; the package has them.
buildFunctions();
const { log } = new Streams(new App(), 'Streams');
new CfnOutput(log, 'Url', { value: log.api.url });
