import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { SPAN } from './model.ts';

export interface Chart {
  /** Of as many series as there are colours; `x` in seconds, up to `now` in milliseconds. */
  draw(data: uPlot.AlignedData, colours: readonly string[], now: number): void;
}

/** A value of the style sheet, as it is in the page's light or dark. */
export const styled = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Lines over the last minutes. It fits its element, whose height the style sheet gives. */
export function lineChart(element: HTMLElement, format: (value: number) => string): Chart {
  let plot: uPlot | undefined;
  let drawn = '';
  let now = Date.now();

  function create(data: uPlot.AlignedData, colours: readonly string[]): uPlot {
    const axis = {
      stroke: styled('--quiet'),
      grid: { stroke: styled('--line'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, "DejaVu Sans", sans-serif',
    };
    const time: uPlot.Axis = { ...axis, grid: { show: false }, size: 26, space: 60, values: '{HH}:{mm}' };
    const values: uPlot.Axis = { ...axis, size: 46, values: (_, splits) => splits.map(format) };
    return new uPlot(
      {
        width: element.clientWidth,
        height: element.clientHeight,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { range: () => [(now - SPAN) / 1000, now / 1000] },
          y: { range: (_, __, max) => [0, Math.max(1, max) * 1.1] },
        },
        axes: [time, values],
        series: [{}, ...colours.map((stroke) => ({ stroke, width: 2, spanGaps: true, points: { show: false } }))],
      },
      data,
      element,
    );
  }

  new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: element.clientHeight })).observe(
    element,
  );
  return {
    draw(data, colours, at) {
      now = at;
      // Its colours are set once: other shops, or the dark of the evening, are another plot.
      const looks = [...colours, styled('--quiet')].join();
      if (looks !== drawn) {
        plot?.destroy();
        plot = create(data, colours);
        drawn = looks;
      } else plot?.setData(data);
    },
  };
}
