import { type Counts, sum } from '../aws/meter.ts';
import { PRICES } from './prices.ts';

/** What counted requests come to, per one of whatever was counted. */
export interface Bill {
  puts: number;
  gets: number;
  lists: number;
  dynamodbRequests: number;
  writeUnits: number;
  readUnits: number;
  dollars: number;
}

export function bill(counts: Counts, per = 1): Bill {
  const requests = (service: string, operation: RegExp) =>
    sum(counts, (count) => (count.service === service && operation.test(count.operation) ? count.requests : 0)) / per;
  const puts = requests('s3', /^Put/);
  const gets = requests('s3', /^(Get|Head)/);
  const lists = requests('s3', /^List/);
  const writeUnits = sum(counts, (count) => count.writeUnits) / per;
  const readUnits = sum(counts, (count) => count.readUnits) / per;
  // S3 deletes for nothing.
  const objects = puts * PRICES.s3Put + lists * PRICES.s3List + gets * PRICES.s3Get;
  const items = writeUnits * PRICES.writeUnit + readUnits * PRICES.readUnit;
  const dynamodbRequests = requests('dynamodb', /./);
  return { puts, gets, lists, dynamodbRequests, writeUnits, readUnits, dollars: objects + items };
}
