/** The page: what the processors of ../streams append, as it comes, and how far behind they are. */
import { connect, followingAt } from 'varve/client';
import { lineChart, styled } from './chart.ts';
import { feed, type OnState } from './feed.ts';
import { createModel, SPAN } from './model.ts';
import { showFigures, showOrders, showPartitions, showShops, showState } from './page.ts';
import { createProgress } from './progress.ts';

const COLOURS = ['--series-1', '--series-2', '--series-3', '--series-4', '--series-5'];
const PROCESSORS = ['average', 'filter', 'join'];
/** Milliseconds that the log may be away until the page says so. */
const PATIENCE = 4_000;
const DRAW_EVERY = 500;
/** Behind API Gateway every request is paid for. */
const LOOK_EVERY = { events: 3_000, polls: 15_000 };

// The page's own server passes requests on to the log (config.ts), so that no key of an API is ever in the page.
const address = import.meta.env.VARVE_URL;
const log = connect(location.origin, { following: followingAt(address), patience: PATIENCE });
const model = createModel();
const troubles = new Map<string, string | undefined>();
const onState: OnState = (topic, trouble) => {
  troubles.set(topic, trouble);
  showState(
    log.following,
    address,
    [...troubles.values()].find((one) => one !== undefined),
  );
};

const since = Date.now() - SPAN;
void feed(log, 'order-averages', since, model.averaged, onState);
void feed(log, 'enriched-orders', since, model.enriched, onState);
void feed(log, 'large-orders', since, model.large, onState);

const money = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 });
const ordersChart = lineChart(document.querySelector('#orders-chart')!, String);
const averageChart = lineChart(document.querySelector('#average-chart')!, (cents) => money.format(cents / 100));

function draw(): void {
  const now = Date.now();
  model.forget(now);
  const shops = model.shops().slice(0, COLOURS.length);
  const colours = shops.map((_, at) => styled(COLOURS[at]!));
  showFigures(model.total(now), model.largeOrders());
  showShops(shops.map(model.nameOf), COLOURS);
  showOrders(model.latest(), model.nameOf);
  ordersChart.draw(model.series('orders', shops), colours, now);
  averageChart.draw(model.series('cents', shops), colours, now);
}

const look = createProgress(log, PROCESSORS, () => performance.now());

async function showProgress(): Promise<void> {
  if (!document.hidden) showPartitions(await look());
  setTimeout(showProgress, LOOK_EVERY[log.following]);
}

setInterval(draw, DRAW_EVERY);
void showProgress();
