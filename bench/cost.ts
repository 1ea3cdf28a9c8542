import { costReport, markdown } from './cost/report.ts';
import type { Figure } from './figures.ts';

/** Requests and units of appends, reads and deletions, counted between the SDK's clients and the engines, and what they cost. */
export async function cost(): Promise<Figure[]> {
  const { engines, tables, goals } = await costReport();
  console.log(engines);
  for (const table of tables) console.log(`\n${table.title}\n\n${markdown(table)}`);
  console.log();
  for (const { what, seen, met } of goals) console.log(`  ${met ? 'met    ' : 'NOT MET'}  ${what}: ${seen}`);
  return [];
}
