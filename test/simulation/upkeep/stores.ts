import type { Clock } from '../../../lib/clock.ts';
import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import type { ObjectStore } from '../../../lib/stores/objects/objects.ts';
import type { Dice } from '../dice.ts';

/** What upkeep works with: a process's own way to the stores. */
export interface Stores {
  catalog: Catalog;
  objects: ObjectStore;
  clock: Clock;
  dice: Dice;
  count(what: string): void;
}
