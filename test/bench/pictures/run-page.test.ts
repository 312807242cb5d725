// The page of a benchmark: its figures, findings and tables, for whole runs and for what an interruption or a full queue left.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Chart, drawChart } from '../../../bench/charts/chart.ts';
import { drawCharts, renderPage } from '../../../bench/charts/report-page.ts';
import type { OpenLoopRun } from '../../../bench/open-loop/run-open-loop.ts';
import { requestTable } from '../../../bench/pictures/request-table.ts';
import { type RunPage, runPage } from '../../../bench/pictures/run-page.ts';
import { unexplainedIn } from '../charts/unexplained.ts';
import { type VirtualRunOptions, virtualLimits, virtualRuns } from './virtual-runs.ts';

const HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)>';
const meta = {
  date: '2026-01-02T03:04:05.000Z',
  adapter: 'an adapter',
  driver: 'a driver',
  reduction: 'software',
  cpu: '2 × a processor',
  os: 'a system',
  node: '24.0.0',
  webgpu: '0.6.2',
  commit: null,
  args: { model: 'weights/tales', 'num-requests': 4, json: undefined },
  model: 'weights/tales',
  dtype: 'f16',
};

/** vega-lite warns of what it does not understand. */
beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(() => {
  expect(console.warn).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

async function pageOf(options: VirtualRunOptions, fields: Partial<RunPage> = {}) {
  const runs = await virtualRuns(options);
  const page = runPage({ runs, limits: virtualLimits, meta, remarks: [], ...fields });
  const charts = page.sections.flatMap((section) => section.charts ?? []);
  return { page, charts, html: renderPage(page, new Map()) };
}

const namesOf = (charts: readonly Chart[]) => charts.map(({ name }) => name);

const LENGTHS = [2, 12, 2, 2, 12, 2];

describe('runPage', () => {
  test('has every figure, and says why batches win and where offline wastes time, with the numbers', async () => {
    const { page, charts, html } = await pageOf({
      lengths: LENGTHS,
      stepMs: ({ numSequences }) => 10 + numSequences,
    });
    expect(namesOf(charts)).toEqual([
      'throughput',
      'timeline',
      'batch-size',
      'step-time',
      'first-token',
      'between-tokens',
      'kv-pool',
    ]);
    for (const drawing of (await drawCharts(page)).values()) expect(drawing).not.toMatch(/NaN|Infinity|undefined/);
    expect(unexplainedIn(page)).toEqual([]);
    expect(page.lead[0]).toMatch(
      /^The same 6 requests ran under 3 schedulers.* All were there at the start\. A step of the model takes up to 2 requests at a time\.$/,
    );
    expect(page.lead[1]).toContain('Every request got the same tokens from each of them.');
    const [, time] = page.sections;
    expect(time!.paragraphs![0]).toMatch(
      /needed 32 steps, offline \d+ and online \d+\. On this machine a step for 2 requests took 1\.1 times/,
    );
    // 12 steps of the first and third batch, of which 10 have an empty place; in the third nothing waits any more.
    expect(time!.paragraphs![1]).toMatch(
      /though others wait: \d+ % of all places' time was lost in this way\. Under online, .* \d %\.$/,
    );
    expect(html).toContain(
      '<tr><td>Generated tokens</td><td class="number">32</td><td class="number">32</td><td class="number">32</td></tr>',
    );
    expect(html).toContain('<tr><th>Commit</th><td>not in a checkout</td></tr>');
    expect(html).toContain('<tr><th>--num-requests</th><td>4</td></tr>');
    expect(html).not.toContain('--json');
  });

  test('says how long requests kept arriving', async () => {
    const { page } = await pageOf({ lengths: [2, 2], dues: [0, 500] });
    expect(page.lead[0]).toContain('They arrived within 500 ms.');
  });

  test('shows prompts as texts, whatever they hold', async () => {
    const { html } = await pageOf({ modes: ['online'], lengths: [2], prompts: [HOSTILE] }, { remarks: [HOSTILE] });
    expect(html).not.toMatch(/<script|<img/);
    expect(html.match(/&lt;script&gt;alert\(1\)/g)).toHaveLength(2);
  });

  test('says that offline lost nothing where its requests end together', async () => {
    const { page } = await pageOf({ lengths: [4, 4, 4, 4] });
    expect(page.sections[1]!.paragraphs![1]).toMatch(/In this run next to nothing was lost in this way/);
  });

  test('is whole for one request of one scheduler, which compares with nothing', async () => {
    const { page, charts } = await pageOf({ modes: ['naive'], lengths: [1] });
    expect(unexplainedIn(page)).toEqual([]);
    expect(charts.map(({ caption }) => caption).join()).not.toMatch(/offline|online/i);
    expect(namesOf(charts)).toEqual(['throughput', 'timeline', 'batch-size', 'first-token', 'kv-pool']);
    expect(page.lead[0]).toMatch(/^This is a run of one request under the scheduler naive/);
    expect(page.sections[1]!.paragraphs).toEqual([]);
  });

  test('tells of rejected requests, and of runs whose tokens differ', async () => {
    const { html } = await pageOf({ modes: ['online'], lengths: [5, 5, 5, 5, 5], maxQueuedRequests: 1 });
    expect(html).toMatch(/<td>Requests rejected<\/td><td class="number">[1-9]<\/td>/);
    expect(html).toContain('<td>rejected: ');
    const runs = await virtualRuns({ lengths: [3, 3] });
    const others = runs.map((run, index): OpenLoopRun => {
      if (index > 0) return run;
      const [first, ...rest] = run.outcomes;
      const response = { ...first!.response!, ids: [7, 7, 7] };
      return { ...run, outcomes: [{ start: 0, response }, ...rest] };
    });
    const page = runPage({ runs: others, limits: virtualLimits, meta, remarks: [] });
    expect(page.lead[1]).toMatch(
      /Only 1 of 2 requests got the same tokens from each of them, so the speeds do not compare\.$/,
    );
  });

  test('is drawn for a run that had no step yet', async () => {
    const [run] = await virtualRuns({ modes: ['online'], lengths: [3] });
    const empty = { ...run!, end: run!.start, steps: [], outcomes: [] };
    const page = runPage({ runs: [empty], limits: virtualLimits, meta, remarks: [] });
    for (const drawing of (await drawCharts(page)).values()) expect(drawing).not.toMatch(/NaN|Infinity/);
  });

  test('shows preemptions where the pool is too small', async () => {
    const { charts, html } = await pageOf({ modes: ['online'], lengths: [30, 30], numBlocks: 10 });
    expect(charts.find(({ name }) => name === 'timeline')!.caption).toContain('it had to give its memory to others');
    expect(html).toMatch(/<td>Preemptions<\/td><td class="number">[1-9]\d*<\/td>/);
  });

  test('shows some of very many requests, and stays small', async () => {
    const { charts, html } = await pageOf({ modes: ['online'], lengths: Array(130).fill(1) });
    expect(html).toContain('One of 3 requests is shown.');
    const timeline = charts.find(({ name }) => name === 'timeline')!;
    expect((await drawChart(timeline)).length).toBeLessThan(100_000);
  });
});

describe('requestTable', () => {
  test('has the first requests of very many, and says so', async () => {
    const [run] = await virtualRuns({ modes: ['online'], lengths: [1] });
    const outcomes = Array(10_000).fill(run!.outcomes[0]);
    const { rows, folded } = requestTable([{ ...run!, outcomes }]);
    expect(rows).toHaveLength(500);
    expect(folded).toBe('The requests one by one (the first 500 of 10000)');
  });
});
