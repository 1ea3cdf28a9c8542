import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { serverOptions } from '../../lib/server/options.ts';

describe('the options of the server', () => {
  test('stand by themselves', () => {
    expect(serverOptions({}, {})).toEqual({
      host: '127.0.0.1',
      httpPort: 8080,
      kafkaPort: 9092,
      data: resolve('.varve'),
      config: [],
      allowedHosts: [],
      corsOrigins: [],
      targetHosts: ['127.0.0.1', 'localhost', '[::1]'],
      logLevel: 'info',
    });
  });

  test('come from the environment, and flags come before it', () => {
    const env = { VARVE_HOST: 'localhost', VARVE_HTTP_PORT: '0', VARVE_DATA: '/env', VARVE_LOG_LEVEL: 'debug' };
    expect(serverOptions({}, env)).toMatchObject({ host: 'localhost', httpPort: 0, data: '/env', logLevel: 'debug' });
    const flags = { host: '::1', httpPort: '9', data: '/flag', config: ['num.partitions=2'] };
    expect(serverOptions(flags, env)).toMatchObject({ host: '::1', httpPort: 9, data: '/flag', config: flags.config });
  });

  test('say where Kafka clients are told to come', () => {
    const advertised = (kafkaAdvertised: string) => serverOptions({ kafkaAdvertised }, {}).kafkaAdvertised;
    expect(advertised('log.example:19092')).toEqual({ host: 'log.example', port: 19_092 });
    expect(advertised('[::1]:9092')).toEqual({ host: '::1', port: 9_092 });
    for (const wrong of ['log.example', 'log.example:0', 'a b:9092', '::1:9092']) {
      expect(() => advertised(wrong)).toThrow(/host:port/);
    }
  });

  test.each(['0.0.0.0', '::', '192.168.1.2', 'log.example', '127.evil.example'])(
    '%s is listened on only when told that it is insecure',
    (host) => {
      expect(() => serverOptions({ host }, {})).toThrow(/--insecure/);
      const { allowedHosts } = serverOptions({ host, insecure: true, allowHost: ['log.example'] }, {});
      expect(allowedHosts).toEqual(expect.arrayContaining([hostname(), '127.0.0.1', 'log.example']));
      expect(allowedHosts).not.toContain('*');
    },
  );

  test.each([
    [{ httpPort: '65536' }, {}, /port/],
    [{ httpPort: 'http' }, {}, /port/],
    [{ kafkaPort: '65536' }, {}, /Kafka port/],
    [{ corsOrigin: ['https://app.example/'] }, {}, /origin/],
    [{ corsOrigin: ['*'] }, {}, /origin/],
    [{}, { VARVE_LOG_LEVEL: 'loud' }, /VARVE_LOG_LEVEL/],
  ])('%j is refused', (flags, env, message) => {
    expect(() => serverOptions(flags, env)).toThrow(message);
  });
});
