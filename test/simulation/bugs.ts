import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import type { ObjectStore } from '../../lib/stores/objects/objects.ts';
import type { Dice } from './dice.ts';
import type { Settings } from './settings.ts';
import type { Check } from './verdict.ts';

/** Something that is wrong on purpose, so that it is known that the checks can fail. */
export interface Bug {
  name: string;
  /** One of these must notice. */
  caughtBy: readonly Check[];
  /** The stores themselves are wrong. */
  catalog?(inner: Catalog, dice: Dice): Catalog;
  objects?(inner: ObjectStore, dice: Dice): ObjectStore;
  /** The processes use them wrongly. */
  client?(inner: Catalog, dice: Dice): Catalog;
  settings?(settings: Settings): Settings;
}
