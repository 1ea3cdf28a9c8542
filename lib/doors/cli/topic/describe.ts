import type { Client, TopicDescription } from '../../../client/client.ts';
import { type AddCommand, clientOf } from '../cli.ts';
import { outputOption } from '../options.ts';
import { table } from '../table.ts';

export const addDescribe: AddCommand = (parent, terminal) => {
  parent
    .command('describe <topic>')
    .description("show a topic's partitions and configuration")
    .option('--all', 'show the configuration that stands at its default too')
    .addOption(outputOption())
    .action(async (name: string, { output, all }, command) => {
      const client = clientOf(command);
      const topic = await client.topics.describe(name);
      const offsets = await rangesOf(client, topic);
      if (output === 'json') return terminal.out(`${JSON.stringify({ ...topic, offsets })}\n`);
      const created = new Date(topic.created).toISOString();
      const config = Object.entries(topic.config).filter(([, entry]) => all || !entry.is_default);
      await terminal.out(
        [
          table(['TOPIC', 'PARTITIONS', 'CREATED', 'ID'], [[topic.name, topic.partitions, created, topic.id]]),
          table(
            ['PARTITION', 'EARLIEST', 'LATEST', 'RECORDS'],
            offsets.map(({ partition, earliest, latest }) => [partition, earliest, latest, latest - earliest]),
          ),
          config.length === 0
            ? 'All configuration stands at its default: --all shows it.\n'
            : table(
                ['CONFIGURATION', 'VALUE', 'DEFAULT', 'ENFORCED'],
                config.map(([key, entry]) => [key, entry.value, yes(entry.is_default), yes(entry.enforced)]),
              ),
        ].join('\n'),
      );
    });
};

const yes = (is: boolean) => (is ? 'yes' : 'no');

/** Partitions that are asked for at the same time. */
const AT_ONCE = 16;

async function rangesOf(client: Client, { name, partitions }: TopicDescription) {
  const ranges: { partition: number; earliest: number; latest: number }[] = [];
  for (let at = 0; at < partitions; at += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, partitions - at) }, async (_, index) => {
      const { earliest, latest } = await client.offsets(name, at + index);
      return { partition: at + index, earliest, latest };
    });
    ranges.push(...(await Promise.all(some)));
  }
  return ranges;
}
