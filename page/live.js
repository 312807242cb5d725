// The live view: asks the server twice a second how it is, and draws the answer.
import { callServer, element, nextKey, showTrouble } from './key.js';
import uPlot from './uplot.js';

/**
 * @typedef {{ second: number, steps: number, generated: number, prefilled: number, rows: number, waiting: number,
 *   ttft: number | null, itl: number | null }} Second
 * @typedef {{ number: number, phase: string, tokens: number, generated: number }} LiveRequest
 * @typedef {{ model: string, limits: { block_size: number, num_blocks: number, max_batch_size: number },
 *   waiting: number, running: number, used_blocks: number, prefix: { looked_up: number, found: number },
 *   preemptions: number, second: number, requests: LiveRequest[], seconds: Second[] }} State
 */

const INTERVAL_MS = 500;
const SPAN = 120;
const CHART_HEIGHT = 150;
/** Hues of requests, far apart for neighbours. */
const HUES = 12;
const MOST_CELLS = 4096;

/**
 * A chart for each group of figures, over the last two minutes: a second without steps has none of them.
 *
 * @type {readonly { title: string, unit: string, lines: readonly { label: string, of: (second: Second) => number | null, idle: number | null }[] }[]}
 */
const CHARTS = [
  {
    title: 'Tokens per second',
    unit: '',
    lines: [
      { label: 'generated', of: ({ generated }) => generated, idle: 0 },
      { label: 'of prompts', of: ({ prefilled }) => prefilled, idle: 0 },
    ],
  },
  {
    title: 'Requests',
    unit: '',
    lines: [
      { label: 'in a step', of: ({ rows }) => rows, idle: 0 },
      { label: 'waiting', of: ({ waiting }) => waiting, idle: 0 },
    ],
  },
  {
    title: 'Time to first token, ms',
    unit: ' ms',
    lines: [{ label: 'mean of the requests that ended', of: ({ ttft }) => ttft, idle: null }],
  },
  { title: 'Time between tokens, ms', unit: ' ms', lines: [{ label: 'mean', of: ({ itl }) => itl, idle: null }] },
];

const scheme = matchMedia('(prefers-color-scheme: dark)');

/** Asks and draws until the page is left. */
export async function watch() {
  let charts = makeCharts();
  /** @type {State | null} */
  let state = null;
  const again = () => {
    for (const { plot } of charts) plot.destroy();
    element('charts').replaceChildren();
    charts = makeCharts();
    if (state !== null) draw(state, charts);
  };
  scheme.addEventListener('change', again);
  addEventListener('resize', again);
  for (;;) {
    if (!document.hidden) {
      try {
        const response = await callServer('/live');
        if (response.status === 401) {
          await nextKey();
          continue;
        }
        if (!response.ok) throw new Error((await response.json()).error.message);
        state = await response.json();
        if (state !== null) draw(state, charts);
        showTrouble('');
      } catch (error) {
        showTrouble(`The server does not answer: ${error instanceof Error ? error.message : error}`);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

function makeCharts() {
  const style = getComputedStyle(document.documentElement);
  const [ink, line] = [style.getPropertyValue('--faint'), style.getPropertyValue('--line')];
  const colors = [style.getPropertyValue('--accent'), scheme.matches ? '#6fb1e8' : '#1f6fb2'];
  return CHARTS.map(({ title, unit, lines }) => {
    const box = document.createElement('div');
    box.className = 'chart';
    element('charts').append(box);
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const width = Math.max(box.clientWidth, 200);
    const plot = new uPlot(
      {
        title,
        width,
        height: CHART_HEIGHT,
        scales: {
          x: { time: false, range: () => [-SPAN, 0] },
          y: { range: (_, __, max) => [0, Math.max(max, 1) * 1.1] },
        },
        axes: [
          { ...axis, values: (_, ticks) => ticks.map((tick) => `${tick} s`) },
          { ...axis, size: 55 },
        ],
        series: [
          { label: 'time', value: (_, value) => (value === null ? '' : `${value} s`) },
          ...lines.map(({ label }, i) => ({
            label,
            stroke: colors[i] ?? ink,
            width: 2,
            spanGaps: false,
            points: { size: 5 },
            value: (/** @type {uPlot} */ _, /** @type {number | null} */ value) =>
              value === null ? '' : `${Math.round(10 * value) / 10}${unit}`,
          })),
        ],
      },
      [[], ...lines.map(() => [])],
      box,
    );
    return { plot, lines };
  });
}

/**
 * @param {State} state
 * @param {ReturnType<typeof makeCharts>} charts
 */
function draw(state, charts) {
  element('model').textContent = state.model;
  drawFigures(state);
  drawRequests(state.requests);
  drawBlocks(state);
  const bySecond = new Map(state.seconds.map((second) => [second.second, second]));
  // The second under way is not whole yet.
  const last = state.second - 1;
  const times = Array.from({ length: SPAN + 1 }, (_, i) => i - SPAN);
  for (const { plot, lines } of charts) {
    const values = lines.map(({ of, idle }) =>
      times.map((time) => {
        if (last + time < 0) return null;
        const second = bySecond.get(last + time);
        return second === undefined ? idle : of(second);
      }),
    );
    plot.setData([times, ...values]);
  }
}

/** @param {State} state */
function drawFigures({ running, waiting, used_blocks: used, limits, prefix, preemptions, seconds, second }) {
  const before = seconds.find((each) => each.second === second - 1);
  const hits = prefix.looked_up === 0 ? '–' : `${Math.round((100 * prefix.found) / prefix.looked_up)} %`;
  /** @type {readonly (readonly [string, string])[]} */
  const figures = [
    ['running', `${running} of ${limits.max_batch_size}`],
    ['waiting', String(waiting)],
    ['tokens/s', String(before?.generated ?? 0)],
    ['KV blocks in use', `${used} of ${limits.num_blocks}`],
    ['found in the prefix cache', hits],
    ['preemptions', String(preemptions)],
  ];
  element('figures').replaceChildren(
    ...figures.map(([name, value]) => {
      const box = document.createElement('div');
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
      dt.textContent = name;
      dd.textContent = value;
      box.append(dt, dd);
      return box;
    }),
  );
}

/** @param {readonly LiveRequest[]} requests */
function drawRequests(requests) {
  element('requests').replaceChildren(
    ...requests.map(({ number, phase, tokens, generated }) => {
      const row = document.createElement('tr');
      for (const text of [`#${number}`, phase, String(tokens), String(generated)]) {
        const cell = document.createElement('td');
        cell.textContent = text;
        row.append(cell);
      }
      return row;
    }),
  );
}

/**
 * Draws a cell for each block, or for several where there are many, in the colour of the request that has it.
 *
 * @param {State} state
 */
function drawBlocks({ requests, limits }) {
  const canvas = element('blocks');
  if (!(canvas instanceof HTMLCanvasElement)) return;
  const perCell = Math.ceil(limits.num_blocks / MOST_CELLS);
  const numCells = Math.ceil(limits.num_blocks / perCell);
  const size = numCells > 1024 ? 6 : 10;
  const width = Math.max(canvas.clientWidth, size);
  const perRow = Math.floor(width / size);
  const height = Math.ceil(numCells / perRow) * size;
  const scale = devicePixelRatio;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(scale, scale);
  const free = getComputedStyle(document.documentElement).getPropertyValue('--free');
  const colors = requests.flatMap(({ number, tokens }) => {
    const hue = (((number * 5) % HUES) * 360) / HUES;
    const cells = Math.ceil(Math.ceil(tokens / limits.block_size) / perCell);
    return Array.from({ length: cells }, () => `hsl(${hue} 65% ${scheme.matches ? 60 : 45}%)`);
  });
  for (let cell = 0; cell < numCells; cell++) {
    context.fillStyle = colors[cell] ?? free;
    context.fillRect((cell % perRow) * size, Math.floor(cell / perRow) * size, size - 1, size - 1);
  }
  const used = Math.min(colors.length, numCells);
  const unit = perCell === 1 ? 'a block' : `${perCell} blocks`;
  element('blocks-text').textContent =
    `One cell is ${unit} of ${limits.block_size} tokens. ${used} of ${numCells} cells belong to ${requests.length} requests; ` +
    'blocks that requests share are drawn for each.';
  canvas.setAttribute('aria-label', `${used} of ${numCells} cells belong to ${requests.length} requests`);
}
