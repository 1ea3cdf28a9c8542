import type { Command } from 'commander';
import { several } from './options.ts';

/** `varve server`. Answers its own exit code. */
export function addServer(program: Command, ended: (code: number) => void): void {
  program
    .command('server')
    .description('run a log on this machine, behind HTTP and the Kafka protocol, until Ctrl+C')
    .option('--host <address>', 'address to listen on (VARVE_HOST; default 127.0.0.1)')
    .option('--http-port <port>', 'port of the HTTP door, 0 for a free one (VARVE_HTTP_PORT; default 8080)')
    .option('--kafka-port <port>', 'port of the Kafka door, 0 for a free one (VARVE_KAFKA_PORT; default 9092)')
    .option(
      '--kafka-advertised <host:port>',
      'where Kafka clients are told to come (VARVE_KAFKA_ADVERTISED; default where they came)',
    )
    .option('--data <folder>', 'where the log is kept (VARVE_DATA; default .varve)')
    .option('--config <key=value>', "Kafka's broker configuration, such as num.partitions=4; repeatable", several)
    .option('--insecure', 'listen where other machines can reach it, without credentials')
    .option('--allow-host <name>', 'a name by which the server is reached besides its own; repeatable', several)
    .option('--cors-origin <origin>', 'an origin whose web pages may call it; repeatable', several)
    .option('--target-host <name>', 'a host whose URLs may subscribe, besides this machine; repeatable', several)
    .action(async (flags) => {
      // The other commands start without all that a server needs.
      const { serve } = await import('../../server/main.ts');
      ended(await serve(flags));
    });
}

/** `varve gateway`. Answers its own exit code. */
export function addGateway(program: Command, ended: (code: number) => void): void {
  program
    .command('gateway')
    .description('serve the Kafka protocol over a log on AWS, until Ctrl+C')
    .option('--bucket <name>', "the log's bucket (VARVE_BUCKET)")
    .option('--table <name>', "the log's table (VARVE_TABLE)")
    .option('--host <address>', 'address to listen on (VARVE_HOST; default 127.0.0.1)')
    .option('--kafka-port <port>', 'port of the Kafka door, 0 for a free one (VARVE_KAFKA_PORT; default 9092)')
    .option(
      '--kafka-advertised <host:port>',
      'where Kafka clients are told to come (VARVE_KAFKA_ADVERTISED; default where they came)',
    )
    .option('--config <key=value>', "Kafka's broker configuration, such as num.partitions=4; repeatable", several)
    .option('--insecure', 'listen where other machines can reach it, without credentials')
    .action(async (flags) => {
      const { serveGateway } = await import('../../server/gateway.ts');
      ended(await serveGateway(flags));
    });
}
