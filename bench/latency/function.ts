import { type GatewayHandler, httpFunction } from '../../functions/http-function.ts';

/** A function's environment, called as API Gateway calls it; waits for its answer, as Lambda's next event does. */
export interface Called {
  post(path: string, body: object): Promise<Answer>;
  get(path: string, query: Readonly<Record<string, string>>): Promise<Answer>;
}

type Answer = Record<string, unknown>;

export function callFunction(env: NodeJS.ProcessEnv): Called {
  const handler: GatewayHandler = httpFunction(env);
  let requests = 0;
  const call = async (httpMethod: string, path: string, rest: object): Promise<Answer> => {
    const event = {
      httpMethod,
      path,
      resource: '/{proxy+}',
      headers: { 'content-type': 'application/json' },
      requestContext: {
        stage: 'prod',
        domainName: 'id.execute-api.us-east-1.amazonaws.com',
        requestTimeEpoch: Date.now(),
      },
      body: null,
      isBase64Encoded: false,
      ...rest,
    };
    const answer = await handler(event, {
      awsRequestId: `${requests++}`,
      functionName: 'bench',
      functionVersion: '1',
      invokedFunctionArn: 'arn',
      memoryLimitInMB: '1024',
    });
    if (answer.statusCode >= 300) throw new Error(`HTTP ${answer.statusCode}: ${answer.body}`);
    return JSON.parse(answer.body ?? '{}') as Answer;
  };
  return {
    post: (path, body) => call('POST', path, { body: JSON.stringify(body) }),
    get: (path, queryStringParameters) => call('GET', path, { queryStringParameters }),
  };
}
