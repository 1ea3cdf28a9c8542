import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CustomResourceEvent,
  type CustomResourceOutcome,
  customResource,
} from '../../functions/custom-resource.ts';
import { topicResource } from '../../functions/topic-resource.ts';
import { systemClock } from '../../lib/clock.ts';
import { VarveError } from '../../lib/errors.ts';
import { systemRandom } from '../../lib/ids.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { openAws } from '../../lib/open/aws.ts';
import { openDynamodb } from '../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable } from '../../lib/stores/catalog/dynamodb/table.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../support/dynoxide.ts';

interface Answer {
  Status: 'SUCCESS' | 'FAILED';
  Reason?: string;
  PhysicalResourceId: string;
  Data?: { TopicName: string; TopicId: string };
}

/** Stands for the address that CloudFormation takes answers at; `statuses` are what it says to each in turn, then 200. */
class AnswerBox {
  readonly answers: Answer[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  readonly statuses: number[] = [];
  #server: Server | undefined;

  async open(): Promise<void> {
    this.#server = createServer(async (request, response) => {
      this.answers.push((await json(request)) as Answer);
      this.headers.push(request.headers);
      response.writeHead(this.statuses.shift() ?? 200).end();
    }).listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    const address = this.#server!.address();
    return `http://127.0.0.1:${typeof address === 'object' && address?.port}/answer?X-Amz-Signature=secret`;
  }

  async close(): Promise<void> {
    this.#server!.closeAllConnections();
    this.#server!.close();
    await once(this.#server!, 'close');
  }
}

const STACK = 'arn:aws:cloudformation:us-east-1:000000000000:stack/Varve/51af3dc0-da77-11e4-872e-1234567db123';
const time = (left: number) => ({ getRemainingTimeInMillis: () => left });

describe.skipIf(dynoxideMissing !== undefined)('a topic as a resource of a stack', () => {
  let dynoxide: Dynoxide;
  let log: EventLog;
  let box: AnswerBox;
  let rollingBack = false;
  beforeAll(async () => {
    dynoxide = await startDynoxide();
    const { client } = dynoxide;
    const table = `varve-${randomUUID()}`;
    const options = { client, table, clock: systemClock, random: systemRandom };
    await createTable(options);
    await (await openDynamodb(options)).close();
    log = await openAws({ client, table, bucket: 'nothing-is-stored-in-it' });
  });
  afterAll(async () => {
    await log.close();
    await dynoxide.stop();
  });
  beforeEach(async () => {
    rollingBack = false;
    box = new AnswerBox();
    await box.open();
    return () => box.close();
  });

  const handler = customResource(
    systemClock,
    topicResource({ log: async () => log, isRollingBack: async (stack) => stack === STACK && rollingBack }),
  );

  type Declared = { name: string; partitions?: number; config?: Record<string, string>; destroy?: true };
  /** As CloudFormation passes on what cdk/topic.ts writes: numbers become strings. */
  const properties = ({ name, partitions, config, destroy }: Declared) => ({
    ServiceToken: 'arn:aws:lambda:us-east-1:000000000000:function:Topics',
    TopicName: name,
    RemovalPolicy: destroy ? 'destroy' : 'retain',
    ...(partitions !== undefined && { Partitions: String(partitions) }),
    ...(config && { Config: JSON.stringify(config) }),
  });
  const event = (RequestType: CustomResourceEvent['RequestType'], declared: Declared): CustomResourceEvent => ({
    RequestType,
    ResponseURL: box.url,
    StackId: STACK,
    RequestId: randomUUID(),
    LogicalResourceId: 'LogOrders',
    ResourceProperties: properties(declared),
  });
  async function deliver(one: CustomResourceEvent): Promise<Answer> {
    const before = box.answers.length;
    await handler(one, time(60_000));
    expect(box.answers.length).toBe(before + 1);
    const { StackId, RequestId, LogicalResourceId } = one;
    expect(box.answers.at(-1)).toMatchObject({ StackId, RequestId, LogicalResourceId });
    return box.answers.at(-1)!;
  }
  const create = (declared: Declared) => deliver(event('Create', declared));
  const update = (PhysicalResourceId: string, from: Declared, to: Declared) =>
    deliver({ ...event('Update', to), PhysicalResourceId, OldResourceProperties: properties(from) });
  const remove = (PhysicalResourceId: string, declared: Declared) =>
    deliver({ ...event('Delete', declared), PhysicalResourceId });

  const newName = () => `orders-${randomUUID()}`;
  const exists = (name: string) =>
    log.topics.describe(name).then(
      () => true,
      () => false,
    );
  async function configOf(name: string): Promise<Record<string, string>> {
    const { config } = await log.topics.describe(name);
    return Object.fromEntries(config.filter(({ isDefault }) => !isDefault).map(({ name: key, value }) => [key, value]));
  }

  it('is created as it is declared, and its answer names it', async () => {
    const name = newName();

    const answer = await create({ name, partitions: 8, config: { 'retention.ms': '604800000' } });

    const { id, partitions } = await log.topics.describe(name);
    expect(answer).toMatchObject({
      Status: 'SUCCESS',
      PhysicalResourceId: `${name}/${id}`,
      Data: { TopicName: name, TopicId: id },
    });
    expect(partitions).toBe(8);
    expect(await configOf(name)).toEqual({ 'retention.ms': '604800000' });
    // The address is signed for a request without a content type.
    expect(box.headers[0]).not.toHaveProperty('content-type');
  });

  it('is created once, however often the event is delivered, also at the same time', async () => {
    const name = newName();
    const one = event('Create', { name, partitions: 2, destroy: true });

    await Promise.all([handler(one, time(60_000)), handler(one, time(60_000))]);
    await handler(one, time(60_000));

    const { id } = await log.topics.describe(name);
    expect(box.answers.map(({ Status, PhysicalResourceId }) => [Status, PhysicalResourceId])).toEqual(
      Array(3).fill(['SUCCESS', `${name}/${id}`]),
    );
  });

  it('grows, and has the configuration that is declared and no other', async () => {
    // Given a topic with two keys set by its declaration, and one by somebody else
    const name = newName();
    const first = { name, partitions: 2, config: { 'retention.ms': '1000', 'retention.bytes': '5' } };
    const { PhysicalResourceId } = await create(first);
    await log.topics.configure(name, { 'max.message.bytes': '4096' });

    // When it is declared otherwise
    const second = { name, partitions: 5, config: { 'retention.ms': '2000' } };
    const answer = await update(PhysicalResourceId, first, second);

    // Then it is the same topic, so
    expect(answer).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId });
    expect((await log.topics.describe(name)).partitions).toBe(5);
    expect(await configOf(name)).toEqual({ 'retention.ms': '2000' });

    // and without a declared configuration it returns to the defaults
    await update(PhysicalResourceId, second, { name, partitions: 5 });
    expect(await configOf(name)).toEqual({});
  });

  it('does not shrink: it says what to do, and changes nothing', async () => {
    const name = newName();
    const first = { name, partitions: 4, config: { 'retention.ms': '1000' } };
    const { PhysicalResourceId } = await create(first);

    const answer = await update(PhysicalResourceId, first, { name, partitions: 2, config: { 'retention.ms': '9' } });

    expect(answer).toMatchObject({ Status: 'FAILED', PhysicalResourceId });
    expect(answer.Reason).toMatch(/^INVALID_PARTITIONS: .*4 partitions and 2 are declared.*Declare 4 or more/);
    expect(await configOf(name)).toEqual({ 'retention.ms': '1000' });
  });

  it('keeps the partitions that it got when CloudFormation goes back to how the stack was', async () => {
    // Given a topic that grew in a deployment which then failed elsewhere
    const name = newName();
    const [before, after] = [
      { name, partitions: 2, config: { 'retention.ms': '1000' } },
      { name, partitions: 4, config: { 'retention.ms': '2000' } },
    ];
    const { PhysicalResourceId } = await create(before);
    await update(PhysicalResourceId, before, after);

    // When it is rolled back
    rollingBack = true;
    const answer = await update(PhysicalResourceId, after, before);

    // Then that works, or the stack would be stuck
    expect(answer).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId });
    expect((await log.topics.describe(name)).partitions).toBe(4);
    expect(await configOf(name)).toEqual({ 'retention.ms': '1000' });
  });

  it('adopts a topic that is there, grows it, and leaves alone what is not declared', async () => {
    const name = newName();
    const { id } = await log.topics.create(name, { partitions: 2, config: { 'retention.ms': '-1' } });

    const answer = await create({ name, partitions: 3 });

    expect(answer).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: `${name}/${id}/adopted` });
    expect(await log.topics.describe(name)).toMatchObject({ id, partitions: 3 });
    expect(await configOf(name)).toEqual({ 'retention.ms': '-1' });
  });

  it('does not adopt a topic of more partitions than are declared', async () => {
    const name = newName();
    await log.topics.create(name, { partitions: 3 });

    const answer = await create({ name, partitions: 2 });

    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('Declare 3 or more') });
    // and the deletion that follows a failed creation deletes nothing
    expect(await remove(answer.PhysicalResourceId, { name, partitions: 2 })).toMatchObject({ Status: 'SUCCESS' });
    expect(await exists(name)).toBe(true);
  });

  it('is a new topic under a new name; the one before stays', async () => {
    const [before, after] = [{ name: newName() }, { name: newName(), config: {} }];
    const { PhysicalResourceId } = await create(before);

    const renamed = await update(PhysicalResourceId, before, after);
    await remove(PhysicalResourceId, before);

    const { id } = await log.topics.describe(after.name);
    expect(renamed.PhysicalResourceId).toBe(`${after.name}/${id}`);
    expect(await exists(before.name)).toBe(true);
  });

  it('stays when its declaration goes, and is adopted when it comes back', async () => {
    const declared = { name: newName(), partitions: 2 };
    const { PhysicalResourceId } = await create(declared);
    const removed = await remove(PhysicalResourceId, declared);

    const again = await create(declared);

    expect(removed).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId });
    expect(again).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: `${PhysicalResourceId}/adopted` });
  });

  describe('that is to go with its declaration', () => {
    it('is deleted with it, once', async () => {
      const declared = { name: newName(), destroy: true } as const;
      const { PhysicalResourceId } = await create(declared);

      const first = await remove(PhysicalResourceId, declared);
      const second = await remove(PhysicalResourceId, declared);

      expect([first.Status, second.Status]).toEqual(['SUCCESS', 'SUCCESS']);
      expect(await exists(declared.name)).toBe(false);
    });

    it('stays when it is another topic than the one that was made here', async () => {
      // Given that somebody deleted the topic and made another one of the name
      const declared = { name: newName(), destroy: true } as const;
      const { PhysicalResourceId } = await create(declared);
      await log.topics.delete(declared.name);
      await log.topics.create(declared.name, { partitions: 1 });

      const removed = await remove(PhysicalResourceId, declared);

      expect(removed.Status).toBe('SUCCESS');
      expect(await exists(declared.name)).toBe(true);
    });

    it('is not adopted, because a deployment that fails would delete it', async () => {
      const name = newName();
      await log.topics.create(name, { partitions: 1 });

      const answer = await create({ name, destroy: true });
      await remove(answer.PhysicalResourceId, { name, destroy: true });

      expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('RemovalPolicy.RETAIN') });
      expect(await exists(name)).toBe(true);
    });

    it('stays when it was adopted before that was declared', async () => {
      const name = newName();
      await log.topics.create(name, { partitions: 1 });
      const { PhysicalResourceId } = await create({ name });
      const updated = await update(PhysicalResourceId, { name }, { name, destroy: true });

      await remove(updated.PhysicalResourceId, { name, destroy: true });

      expect(updated).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId });
      expect(await exists(name)).toBe(true);
    });
  });

  it.each([
    ['a name that Kafka does not allow', { name: 'a/b' }, 'INVALID_TOPIC_EXCEPTION'],
    ['a key that Kafka does not have', { name: 'fine', config: { colour: 'red' } }, 'INVALID_CONFIG'],
    ['no partitions', { name: 'fine', partitions: 0 }, 'INVALID_PARTITIONS'],
    ['a token that became no number', { name: 'fine', partitions: Number.NaN }, 'INVALID_PARTITIONS'],
  ])('is not made of %s', async (_what, declared, code) => {
    const answer = await create(declared);

    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(new RegExp(`^${code}: `)) });
    expect(await exists('fine')).toBe(false);
  });
});

describe('the answer of a custom resource', () => {
  let box: AnswerBox;
  beforeEach(async () => {
    box = new AnswerBox();
    await box.open();
    return () => box.close();
  });
  const run = (act: () => Promise<CustomResourceOutcome>, left = 60_000) =>
    customResource(systemClock, act)(
      {
        RequestType: 'Create',
        ResponseURL: box.url,
        StackId: STACK,
        RequestId: 'request',
        LogicalResourceId: 'LogOrders',
        ResourceProperties: {},
      },
      time(left),
    );

  it('tries again what may work later', async () => {
    let tries = 0;

    await run(async () => {
      if (tries++ === 0) throw new VarveError('KAFKA_STORAGE_ERROR', 'The role is not known yet.');
      return { physicalId: 'made' };
    });

    expect(box.answers).toMatchObject([{ Status: 'SUCCESS', PhysicalResourceId: 'made' }]);
  });

  it('comes before the function is stopped, whatever hangs', async () => {
    await run(() => new Promise(() => {}), 8_050);

    expect(box.answers).toMatchObject([{ Status: 'FAILED', Reason: expect.stringContaining('deploy again') }]);
  });

  it('stays small, whatever failed', async () => {
    await run(() => Promise.reject(new Error('x'.repeat(10_000))));

    expect(JSON.stringify(box.answers[0]).length).toBeLessThan(4_096);
    expect(box.answers[0]).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(/^Error: xxx/) });
  });

  it('is sent again while its receiver fails, and given up when it is refused', async () => {
    box.statuses.push(503);
    await run(async () => ({ physicalId: 'made' }));
    expect(box.answers).toHaveLength(2);

    box.statuses.push(403);
    const refused = run(async () => ({ physicalId: 'made' }));
    await expect(refused).rejects.toThrow('did not take the answer: 403');
    // Lambda writes what is thrown to its log.
    await expect(refused).rejects.not.toThrow('X-Amz-Signature');
  });
});
