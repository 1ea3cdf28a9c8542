import type { Clock } from '../../../clock.ts';
import type { Random } from '../../../ids.ts';
import type { KeptGroup } from './kept-group.ts';

export interface GroupSettings {
  /** Milliseconds that an empty group waits for more members before its first generation. */
  initialDelay: number;
  maxSize: number;
}

export interface GroupDeps {
  clock: Clock;
  random: Random;
  settings: GroupSettings;
  /** Called when the last member has gone. */
  onEmpty(): void;
  /** Makes durable what the group must know when it begins anew. */
  keep(state: KeptGroup): Promise<void>;
}
