import { expect, test } from 'vitest';
import { claimOf } from './sigv4.ts';

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const signedBy = (names: string, signature: string) => ({
  host: 'example.amazonaws.com',
  'x-amz-date': '20150830T123600Z',
  authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
});

/** Published by AWS, in aws-signing-test-suite of github.com/awslabs/aws-c-auth. */
const EXAMPLES = [
  {
    name: 'get-space-normalized',
    target: '/example space/',
    headers: signedBy('host;x-amz-date', '652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741'),
  },
  {
    name: 'get-vanilla-query-order-encoded',
    target: '/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1',
    headers: signedBy('host;x-amz-date', '371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac'),
  },
  {
    name: 'get-vanilla-with-session-token',
    target: '/',
    headers: {
      ...signedBy(
        'host;x-amz-date;x-amz-security-token',
        '07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8',
      ),
      'x-amz-security-token': '6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267',
    },
  },
  {
    name: 'post-x-www-form-urlencoded',
    method: 'POST',
    target: '/',
    headers: {
      ...signedBy(
        'content-length;content-type;host;x-amz-content-sha256;x-amz-date',
        'd3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b',
      ),
      'content-length': '13',
      'content-type': 'application/x-www-form-urlencoded',
      'x-amz-content-sha256': '9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e',
    },
    body: Buffer.from('Param1=value1'),
  },
];

test.each(EXAMPLES)('finds the signature of $name right, and of anything else wrong', (example) => {
  const request = { method: 'GET', body: Buffer.alloc(0), ...example };

  const claim = claimOf(request);

  expect(claim).toMatchObject({ accessKeyId: 'AKIDEXAMPLE', region: 'us-east-1', service: 'service' });
  expect(claim?.signedAt).toBe(Date.UTC(2015, 7, 30, 12, 36));
  expect(claim?.isSignedWith(SECRET)).toBe(true);
  expect(claim?.isSignedWith(`${SECRET}x`)).toBe(false);
  const others = [
    { method: 'PUT' },
    { target: `${request.target}x` },
    { body: Buffer.from('Param1=value2') },
    { headers: { ...request.headers, host: 'example.com' } },
  ];
  for (const other of others) expect(claimOf({ ...request, ...other })?.isSignedWith(SECRET)).toBe(false);
});

test('a request that is not signed makes no claim', () => {
  expect(claimOf({ method: 'GET', target: '/', headers: {}, body: Buffer.alloc(0) })).toBeUndefined();
});
