export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** `q` from 0 to 1; the nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** A line of what is printed. */
export interface Figure {
  what: string;
  /** Of Varve, in `unit`; absent for a line that is a limit of the machine alone. */
  varve?: number;
  /** Of the machine, measured in turns with it. */
  limit?: number;
  /** What that limit is. */
  beside?: string;
  unit: 'MB/s' | 'ms';
  /** The goal, for whoever reads the ratio. */
  goal?: string;
}

/** MB/s (10^6 bytes) of `bytes` in `ms`. */
export const megabytes = (bytes: number, ms: number) => bytes / 1000 / ms;

export function printTable(figures: readonly Figure[]): void {
  const number = (value: number | undefined) => (value === undefined ? '' : value.toFixed(value < 10 ? 2 : 0));
  const rows = figures.map(({ what, varve, limit, beside, unit, goal }) => [
    what,
    varve === undefined ? '' : `${number(varve)} ${unit}`,
    limit === undefined ? '' : `${number(limit)} ${unit}`,
    varve === undefined || limit === undefined ? '' : (varve / limit).toFixed(2),
    [beside, goal && `goal: ${goal}`].filter(Boolean).join('; '),
  ]);
  const table = [['', 'Varve', 'limit', 'ratio', 'the limit is'], ...rows];
  printColumns(table, [0, 4]);
}

/** The columns named in `left` are text, the others numbers. */
export function printColumns(table: readonly string[][], left: readonly number[] = [0]): void {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  for (const row of table) {
    const cells = row.map((cell, column) =>
      left.includes(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    );
    console.log(`  ${cells.join('  ').trimEnd()}`);
  }
}
