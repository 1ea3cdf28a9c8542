import { expect, test } from 'vitest';
import { connect, followingAt } from '../../lib/client/client.ts';

test.each([
  ['http://127.0.0.1:8080', 'events'],
  ['https://log.example.com/prod', 'events'],
  ['https://execute-api.example.com', 'events'],
  ['https://abc123.execute-api.eu-central-1.amazonaws.com/prod', 'polls'],
  ['https://abc123.execute-api.cn-north-1.amazonaws.com.cn/prod/', 'polls'],
  ['https://abc123.execute-api.localhost.localstack.cloud:4566/prod/', 'polls'],
  ['http://127.0.0.1:4566/_aws/execute-api/abc123/prod', 'polls'],
] as const)('a client of %s follows by %s', (url, following) => {
  expect(followingAt(url)).toBe(following);
  expect(connect(url).following).toBe(following);
});

test('a domain name of one’s own does not tell: then the caller does', () => {
  expect(connect('https://log.example.com', { following: 'polls' }).following).toBe('polls');
});
