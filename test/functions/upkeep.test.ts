import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openAws } from '../../lib/open/aws.ts';
import { dynoxideMissing } from '../support/dynoxide.ts';
import { type FunctionTable, startFunctionTable } from './table.ts';

const time = { getRemainingTimeInMillis: () => 100_000 };

describe.skipIf(dynoxideMissing !== undefined)('the upkeep function', () => {
  let store: FunctionTable;
  let upkeepFunction: typeof import('../../functions/upkeep.ts').upkeepFunction;
  beforeAll(async () => {
    store = await startFunctionTable();
    vi.stubEnv('VARVE_BUCKET', store.env.VARVE_BUCKET);
    vi.stubEnv('VARVE_TABLE', store.env.VARVE_TABLE);
    ({ upkeepFunction } = await import('../../functions/upkeep.ts'));
  });
  afterAll(() => store.stop());

  it('says what it needs to know', () => {
    expect(() => upkeepFunction({})).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  });

  it('fails where it met failures, so that it is seen, after it has done all else; and says it in one line', async () => {
    // Given records that retention gives up, and a bucket that does not answer
    const { VARVE_BUCKET: bucket, VARVE_TABLE: table } = store.env;
    const log = await openAws({ bucket, table, client: store.dynoxide.client });
    const name = `orders-${randomUUID()}`;
    await log.topics.create(name, { config: { 'retention.ms': '1' } });
    for (let i = 0; i < 3; i++) await log.append(name, [{ value: 'secret', timestamp: Date.now() - 60_000 }]);
    const lines: string[] = [];
    const written = vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);

    // When
    const run = upkeepFunction(store.env)({}, time).catch((error: unknown) => error);
    const failure = await run.finally(() => written.mockRestore());

    // Then
    expect(failure).toBeInstanceOf(Error);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      level: 'ERROR',
      message: 'upkeep',
      raised: 1,
      failed: 1,
      done: true,
    });
    expect(lines[0]).not.toContain('secret');
    expect(await log.offsets(name, 0)).toEqual({ earliest: 3, latest: 3 });
    await log.close();
  });
});
