import { type ErrorCode, VarveError } from '../errors.ts';

/** What API Gateway answers by itself, before any function is called: its message, and the type of its refusal as a header. */
interface Refusal {
  message: string;
  type: string;
}

const SIGN = 'sign with AWS credentials (--profile or --aws-sigv4; `auth.sigv4` of the client)';
/** In order: the first that fits. By message where the type says too little: HTTP APIs do not give it. */
const REFUSALS: { type?: RegExp; message?: RegExp; code: ErrorCode; says: (refusal: Refusal) => string }[] = [
  {
    message: /^Signature (expired|not yet current)/,
    code: 'SASL_AUTHENTICATION_FAILED',
    says: () => 'The signature is of another time than the API has: set the clock of this machine.',
  },
  {
    type: /^MissingAuthenticationToken/,
    message: /^Missing Authentication Token/,
    code: 'SASL_AUTHENTICATION_FAILED',
    says: () => `The API asks who calls, or has no such path: ${SIGN}, and check that the address ends with the stage.`,
  },
  {
    type: /^ExpiredToken/,
    message: /security token .* expired/,
    code: 'SASL_AUTHENTICATION_FAILED',
    says: () => 'The AWS credentials have expired: log in again.',
  },
  {
    type: /^(InvalidSignature|IncompleteSignature|UnrecognizedClient|InvalidClientTokenId)/,
    message: /^(The request signature we calculated|Credential should be scoped|The security token included)/,
    code: 'SASL_AUTHENTICATION_FAILED',
    says: () =>
      'The signature is refused: check that the AWS credentials are valid, and that the region is the one of the API.',
  },
  {
    type: /^AccessDenied/,
    message: /is not authorized to (perform|access)/,
    code: 'CLUSTER_AUTHORIZATION_FAILED',
    says: ({ message }) => `${message.replace(/\.?\s*$/, '')}: it needs the right execute-api:Invoke.`,
  },
  {
    type: /^Unauthorized/,
    message: /^Unauthorized$/,
    code: 'SASL_AUTHENTICATION_FAILED',
    says: () => 'The API does not know who calls: send what its authorizer asks for.',
  },
  {
    type: /^Forbidden/,
    message: /^Forbidden$/,
    code: 'CLUSTER_AUTHORIZATION_FAILED',
    says: () =>
      `The API refuses who calls: check the API key (--api-key; \`auth.apiKey\`), ${SIGN}, and check that the address ends with the stage.`,
  },
  {
    type: /^(LimitExceeded|TooManyRequests|Throttling)/,
    message: /^(Too Many Requests|Limit Exceeded|Rate exceeded)$/i,
    code: 'THROTTLING_QUOTA_EXCEEDED',
    says: () => 'The API takes no more requests for now: try again, or raise its limits.',
  },
  {
    type: /^RequestTooLarge/,
    message: /^(Request Too Long|Request Entity Too Large|HTTP content length exceeded)/i,
    code: 'MESSAGE_TOO_LARGE',
    says: () => 'The request is larger than the API takes: send the records in parts.',
  },
  {
    message: /^Endpoint request timed out/,
    code: 'REQUEST_TIMED_OUT',
    says: () => 'The function behind the API did not answer in time; it may have been done. Try again.',
  },
];

/** The error of an answer that API Gateway made; undefined when it is none that it makes. */
export function refusalOf(response: Response, body: unknown): VarveError | undefined {
  const message = messageOf(body);
  if (message === undefined) return undefined;
  const refusal = { message, type: response.headers.get('x-amzn-errortype') ?? '' };
  const found = REFUSALS.find(
    (one) => one.message?.test(message) || (refusal.type !== '' && one.type?.test(refusal.type)),
  );
  return found && new VarveError(found.code, found.says(refusal));
}

/** IAM writes it large. */
function messageOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { message, Message } = body as { message?: unknown; Message?: unknown };
  return [message, Message].find((one) => typeof one === 'string');
}
