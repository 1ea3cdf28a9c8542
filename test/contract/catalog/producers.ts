import { describe, expect, it } from 'vitest';
import type { Subject } from './subject.ts';

export function producersContract(subject: () => Subject): void {
  describe('producer ids', () => {
    it('are each given once, however many ask at a time', async () => {
      const catalogs = [subject().catalog, await subject().another()];

      const ids = await Promise.all(Array.from({ length: 200 }, (_, i) => catalogs[i % 2]!.producers.allocate()));

      expect(new Set(ids).size).toBe(200);
      expect(ids.every((id) => Number.isSafeInteger(id) && id >= 0)).toBe(true);
    });

    it('are not given again after a restart', async () => {
      const before = await Promise.all(Array.from({ length: 5 }, () => subject().catalog.producers.allocate()));

      const { producers } = await subject().reopen();

      expect(before).not.toContain(await producers.allocate());
    });
  });
}
