import { VarveError } from '../../errors.ts';
import type { Subscription } from '../../stores/catalog/subscriptions.ts';

/** How records are delivered, under the names of Lambda's event sources. Durations are milliseconds. */
export type DeliverySettings = Pick<
  Subscription,
  | 'batchSize'
  | 'maxBatchingWindow'
  | 'retryAttempts'
  | 'maxRecordAge'
  | 'bisectBatchOnError'
  | 'reportBatchItemFailures'
  | 'parallelizationFactor'
>;

export const DEFAULT_SETTINGS: DeliverySettings = {
  batchSize: 100,
  maxBatchingWindow: 0,
  // About seven minutes with the pauses between them: long enough for most outages, and an end for a record that never works.
  retryAttempts: 12,
  maxRecordAge: -1,
  bisectBatchOnError: false,
  reportBatchItemFailures: false,
  parallelizationFactor: 1,
};

export function deliverySettings(given: Partial<DeliverySettings>): DeliverySettings {
  const known = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...DEFAULT_SETTINGS, ...Object.fromEntries(known) };
}

/** What each may be. `end`: -1 stands for no end. */
const RANGES = {
  batchSize: { min: 1, max: 10_000, unit: 'records' },
  maxBatchingWindow: { min: 0, max: 300_000, unit: 'milliseconds' },
  retryAttempts: { min: 0, max: 10_000, unit: 'retries', end: true },
  maxRecordAge: { min: 60_000, max: 604_800_000, unit: 'milliseconds', end: true },
  parallelizationFactor: { min: 1, max: 10, unit: 'batches at a time' },
  // A run of 15 minutes needs some of them for itself.
  targetTimeout: { min: 1_000, max: 840_000, unit: 'milliseconds' },
} as const;

/** INVALID_REQUEST, and what to give instead. */
export function checkSettings(settings: Partial<Record<keyof typeof RANGES, number>>): void {
  for (const [name, range] of Object.entries(RANGES)) {
    const value = settings[name as keyof typeof RANGES];
    const endless = 'end' in range;
    if (value === undefined || (endless && value === -1)) continue;
    if (Number.isInteger(value) && value >= range.min && value <= range.max) continue;
    throw new VarveError(
      'INVALID_REQUEST',
      `${name}: ${value}: give ${range.min} to ${range.max} ${range.unit}${endless ? ', or -1 for no end' : ''}.`,
    );
  }
}
