import { type Command, Option } from 'commander';
import type { Client, NewSubscription } from '../../client/client.ts';
import { sleep, systemClock } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { FunctionServer } from '../../runtime/function-server.ts';
import { clientOf } from './cli.ts';
import { UsageError } from './exit-codes.ts';
import { COMMON_PLACES, place, several, whole } from './options.ts';
import type { Terminal } from './terminal.ts';

interface Flags {
  topic: string;
  group: string;
  name?: string;
  module?: string;
  target?: string;
  functionTimeout: number;
  startingPosition: ReturnType<typeof place>;
  batchSize?: number;
  maxBatchingWindow?: number;
  retryAttempts?: number;
  maxRecordAge?: number;
  bisectBatchOnError?: boolean;
  reportBatchItemFailures?: boolean;
  parallelizationFactor?: number;
  filter?: string[];
  onFailure?: string;
}

/** Milliseconds that an invocation may still take when the command is stopped. */
const PATIENCE = 5_000;
/** Milliseconds between two looks at the subscription. */
const LOOK_EVERY = 2_000;

export function addSubscribe(program: Command, terminal: Terminal): void {
  program
    .command('subscribe')
    .description('deliver the records of a topic to a function on this machine, as Lambda would, until Ctrl+C')
    .requiredOption('--topic <topic>', 'the topic')
    .requiredOption('--group <id>', 'the consumer group: delivery goes on where it has committed')
    .option('--module <file>', 'JavaScript or TypeScript that exports handler; loaded again when it changes')
    .addOption(new Option('--target <url>', 'post the events there instead, as JSON').conflicts('module'))
    .option('--name <name>', "the subscription's; the group's without it")
    .option('--function-timeout <seconds>', 'how long an invocation may take', whole(1, 840), 30)
    .option('--starting-position <place>', `where the group begins: ${COMMON_PLACES}`, place, 'earliest')
    .option('--batch-size <count>', 'records of one invocation at most', whole(1))
    .option('--max-batching-window <seconds>', 'how long the first record waits for others', whole(0))
    .option('--retry-attempts <count>', 'tries after the first one, before a batch is given up; -1: no end', endless)
    .option('--max-record-age <seconds>', 'older records are given up; -1: none', endless)
    .option('--bisect-batch-on-error', 'try a batch that failed again by halves')
    .option('--report-batch-item-failures', 'the function answers batchItemFailures')
    .option('--parallelization-factor <count>', 'batches of a partition at a time, each key in order', whole(1, 10))
    .option('--filter <pattern>', "Lambda's, as JSON: records that match none are passed over; repeatable", several)
    .option('--on-failure <topic>', 'a topic that is told of records that were given up')
    .addHelpText('after', '\nThe server keeps the subscription, and delivers, for as long as this command runs.')
    .action(async (flags: Flags, command: Command) => {
      const { topic, group, module, name = group } = flags;
      if (module === undefined && flags.target === undefined) {
        throw new UsageError('Say what is to be invoked: --module, or --target.');
      }
      const client = clientOf(command);
      const served = module === undefined ? undefined : await serve(module, flags.functionTimeout * 1000, terminal);
      const target = served?.url ?? flags.target!;
      try {
        const settings = settingsOf(flags, target);
        // From here on there may be something to remove.
        const signal = terminal.interrupted();
        await client.subscriptions.put(topic, name, settings);
        terminal.say(`Delivering ${topic} to ${module ?? target} as group ${group}. Ctrl+C ends it.`);
        await watch(client, topic, name, target, signal, terminal);
      } finally {
        // What is refused from here on waits for whoever subscribes next.
        await served?.close(PATIENCE);
      }
      await remove(client, topic, name, target);
    });
}

function endless(text: string): number {
  return text === '-1' ? -1 : whole(0)(text);
}

function settingsOf(flags: Flags, target: string): NewSubscription {
  const { group, functionTimeout, startingPosition, batchSize, maxBatchingWindow, retryAttempts, maxRecordAge } = flags;
  const { bisectBatchOnError, reportBatchItemFailures, parallelizationFactor, filter, onFailure } = flags;
  if (typeof startingPosition === 'number') {
    throw new UsageError('--starting-position is earliest, latest or a time: set an offset by varve group reset.');
  }
  return {
    group,
    target,
    target_timeout: functionTimeout * 1000,
    starting_position: typeof startingPosition === 'string' ? startingPosition : `time:${startingPosition.timestamp}`,
    ...(batchSize !== undefined && { batch_size: batchSize }),
    ...(maxBatchingWindow !== undefined && { max_batching_window: maxBatchingWindow * 1000 }),
    ...(retryAttempts !== undefined && { retry_attempts: retryAttempts }),
    ...(maxRecordAge !== undefined && { max_record_age: maxRecordAge < 0 ? maxRecordAge : maxRecordAge * 1000 }),
    ...(bisectBatchOnError !== undefined && { bisect_batch_on_error: bisectBatchOnError }),
    ...(reportBatchItemFailures !== undefined && { report_batch_item_failures: reportBatchItemFailures }),
    ...(parallelizationFactor !== undefined && { parallelization_factor: parallelizationFactor }),
    ...(filter !== undefined && { filters: filter }),
    ...(onFailure !== undefined && { on_failure: `kafka://${onFailure}` }),
  };
}

/** What is invoked, until it is closed. */
async function serve(module: string, timeout: number, terminal: Terminal): Promise<FunctionServer> {
  // The other commands start without all that this needs.
  const { serveModule } = await import('../../runtime/module-server.ts');
  try {
    return await serveModule(module, timeout, terminal.say);
  } catch (error) {
    throw new UsageError(`--module ${module}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** Until the signal aborts. ILLEGAL_GENERATION when the subscription is somebody else's, or gone. */
async function watch(
  client: Client,
  topic: string,
  name: string,
  target: string,
  signal: AbortSignal,
  terminal: Terminal,
): Promise<void> {
  let isThere = true;
  for (;;) {
    await sleep(systemClock, LOOK_EVERY, signal);
    if (signal.aborted) return;
    try {
      const found = await find(client, topic, name);
      isThere = true;
      if (found?.target === target) continue;
    } catch (error) {
      if (!(error instanceof VarveError && error.retriable)) throw error;
      if (isThere) terminal.say(`varve: ${error.message} Delivery goes on when it answers.`);
      isThere = false;
      continue;
    }
    throw new VarveError('ILLEGAL_GENERATION', `Somebody else took over the subscription "${name}", or removed it.`);
  }
}

async function find({ subscriptions }: Client, topic: string, name: string) {
  return (await subscriptions.list(topic)).find((one) => one.name === name);
}

/** Unless somebody else has it by now. */
async function remove(client: Client, topic: string, name: string, target: string): Promise<void> {
  try {
    const found = await find(client, topic, name);
    if (found?.target === target) await client.subscriptions.delete(topic, name);
  } catch (error) {
    // The topic was deleted meanwhile, and its subscriptions lead nowhere.
    if (!(error instanceof VarveError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION')) throw error;
  }
}
