import { globSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, cached, command, here, type Provided, provide } from './cache.ts';
import type { Client } from './program.ts';

/** Apache Kafka's jars, and the programs of `java/`. */
export interface Java {
  /** The folder that holds the jars. */
  jars: string;
  /** The command and arguments that run a main class. */
  command(main: string, ...args: string[]): [string, ...string[]];
}

const TIMEOUT_MS = 600_000;
/** The main classes behind the distribution's scripts. */
export const TOOLS = {
  'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
  'kafka-console-producer.sh': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer.sh': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-consumer-groups.sh': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-configs.sh': 'kafka.admin.ConfigCommand',
  'kafka-get-offsets.sh': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-log-dirs.sh': 'org.apache.kafka.tools.LogDirsCommand',
  'kafka-delete-records.sh': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'kafka-producer-perf-test.sh': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-consumer-perf-test.sh': 'org.apache.kafka.tools.ConsumerPerformance',
  'kafka-e2e-latency.sh': 'org.apache.kafka.tools.EndToEndLatency',
  'kafka-verifiable-producer.sh': 'org.apache.kafka.tools.VerifiableProducer',
  'kafka-verifiable-consumer.sh': 'org.apache.kafka.tools.VerifiableConsumer',
  'kafka-broker-api-versions.sh': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'kafka-cluster.sh': 'org.apache.kafka.tools.ClusterTool',
  'kafka-streams-groups.sh': 'org.apache.kafka.tools.streams.StreamsGroupCommand',
  'kafka-streams-application-reset.sh': 'org.apache.kafka.tools.StreamsResetter',
  'connect-standalone.sh': 'org.apache.kafka.connect.cli.ConnectStandalone',
  'connect-distributed.sh': 'org.apache.kafka.connect.cli.ConnectDistributed',
} as const;

/** Java's own options: many small processes that start fast. */
const SMALL = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/**
 * Needs a JDK of 17 and Maven; the jars are fetched, and the programs compiled, once. Without `flags` they start from an archive of
 * loaded classes, which halves what a tool takes.
 */
export function java(flags?: readonly string[]): Promise<Provided<Java>> {
  return provide('Apache Kafka', async () => {
    const version = await command('java', ['--version'], TIMEOUT_MS);
    const folder = await cached('java', ['java/pom.xml'], async (to) => {
      const pom = ['-f', here('java/pom.xml'), `-Dmaven.repo.local=${join(CACHE, 'm2')}`];
      const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${to}`];
      await command('mvn', ['-q', '-B', ...pom, ...copy], TIMEOUT_MS);
    });
    const sources = globSync('*.java', { cwd: here('java') }).sort();
    const recipes = ['java/pom.xml', ...sources.map((source) => `java/${source}`)];
    // A jar: archives know no folders of classes.
    const programs = await cached('programs', recipes, async (to) => {
      const classes = join(to, 'classes');
      await command(
        'javac',
        ['-cp', join(folder, '*'), '-d', classes, ...sources.map((one) => here(`java/${one}`))],
        TIMEOUT_MS,
      );
      await command('jar', ['--create', '--file', join(to, 'programs.jar'), '-C', classes, '.'], TIMEOUT_MS);
    });
    const log4j = `-Dlog4j2.configurationFile=file:${here('java/log4j2.properties')}`;
    const run = [log4j, '-cp', `${join(programs, 'programs.jar')}:${join(folder, '*')}`];
    if (flags) return { jars: folder, command: (...main) => ['java', ...flags, ...run, ...main] };

    // An archive is of one Java: another leaves it alone, without a word.
    const archive = await cached(`archive-${/[\d.]+/.exec(version)}`, recipes, async (to) => {
      const made = `-XX:ArchiveClassesAtExit=${join(to, 'classes.jsa')}`;
      await command('java', [...SMALL, made, ...run, 'Training', ...Object.values(TOOLS)], TIMEOUT_MS);
    });
    const archived = [`-XX:SharedArchiveFile=${join(archive, 'classes.jsa')}`, '-Xlog:disable'];
    return { jars: folder, command: (...main) => ['java', ...SMALL, ...archived, ...run, ...main] };
  });
}

/** Kafka's own client, in `java/Client.java`. */
export function javaClient(kafka: Java): Client {
  return {
    name: 'Java',
    program: kafka.command('Client'),
    codecs: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    assignors: ['range', 'roundrobin', 'sticky', 'cooperative-sticky'],
    isStatic: true,
    lacks: [],
  };
}
