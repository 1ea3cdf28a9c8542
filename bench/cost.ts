import { FULL_GATEWAY, gatewayReport } from './cost/gateway-report.ts';
import { costReport, markdown } from './cost/report.ts';
import type { Figure } from './figures.ts';

/** Requests and units of appends, reads, deletions and a gateway, counted between the SDK's clients and the engines, and what they cost. */
export async function cost(): Promise<Figure[]> {
  const { engines, tables, goals } = await costReport();
  const gateway = await gatewayReport(FULL_GATEWAY);
  console.log(engines);
  for (const table of [...tables, gateway.table]) console.log(`\n${table.title}\n\n${markdown(table)}`);
  console.log();
  for (const { what, seen, met } of [...goals, ...gateway.goals])
    console.log(`  ${met ? 'met    ' : 'NOT MET'}  ${what}: ${seen}`);
  return [];
}
