export type Cell = string | number;

/** Columns two spaces apart, numbers to the right. Ends with a line break. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = heads.map((head, column) => {
    let width = head.length;
    for (const row of rows) width = Math.max(width, plain(row[column] ?? '').length);
    return width;
  });
  const right = heads.map((_, column) => rows.length > 0 && typeof rows[0]![column] === 'number');
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, column) => {
        const text = plain(cell);
        return right[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
      })
      .join('  ')
      .trimEnd();
  return [heads, ...rows].map((cells) => `${line(cells)}\n`).join('');
}

/** Text that stays on its line and cannot steer a terminal. */
export function plain(cell: Cell): string {
  return String(cell).replaceAll(/\p{Cc}|\u2028|\u2029/gu, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
