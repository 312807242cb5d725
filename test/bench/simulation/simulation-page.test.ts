// The page of a simulation: errors by hand, and what it shows with and without a measured run.
import { expect, test } from 'vitest';
import { drawCharts, renderPage } from '../../../bench/charts/report-page.ts';
import { type RequestRecord, reportLoad } from '../../../bench/open-loop/report.ts';
import { simulateScript } from '../../../bench/simulation/args.ts';
import { CostModel } from '../../../bench/simulation/cost-model.ts';
import { errorsOf } from '../../../bench/simulation/error-chart.ts';
import { simulationPage } from '../../../bench/simulation/simulation-page.ts';
import { argsOf } from '../args-of.ts';
import { unexplainedIn } from '../charts/unexplained.ts';

test('an error is the share by which a percentile of the simulated times differs from the same of the measured ones', () => {
  const measured = Array.from({ length: 101 }, (_, i) => 100 + i);
  const errors = errorsOf(
    measured.toReversed(),
    measured.map((time) => 1.5 * time),
  );
  expect(errors.map(({ percentile }) => percentile)).toEqual(Array.from({ length: 95 }, (_, i) => i + 5));
  for (const { error } of errors) expect(error).toBeCloseTo(0.5, 12);
  expect(errorsOf(measured, measured.with(50, 145)).find(({ percentile }) => percentile === 50)?.error).toBeCloseTo(
    -1 / 150,
    12,
  );
  expect(errorsOf([], measured)).toEqual([]);
});

/** Requests that take `times` as long. */
function reportOf(times: number) {
  const requests = Array.from({ length: 20 }, (_, i): RequestRecord => {
    const tokenTimes = [10 + i, 20 + i, 40 + 2 * i].map((time) => times * time);
    const counts = { inputLength: 4, outputLength: 3 };
    return { start: 0, status: 'completed', ...counts, tokenTimes, end: tokenTimes.at(-1)!, error: null };
  });
  return reportLoad({ start: 0, end: 1000, requests }, undefined);
}

const steps = Array.from({ length: 30 }, (_, i) => ({
  rows: [{ start: i, numTokens: i % 3 === 0 ? 8 : 1, samples: true }],
  milliseconds: 1 + (i % 3 === 0 ? 4 : 0.5) + 0.01 * i,
}));
const costs = CostModel.fit(steps);
const hostile = '<' + 'script>alert(1)<';
const args = argsOf(simulateScript, '--calibrate', hostile, '--input-len', '4', '--output-len', '3');

test('shows the measured run beside the simulated one, by how much this is off, and the steps', async () => {
  const page = simulationPage({ args, simulated: reportOf(1.1), measured: reportOf(1), steps, costs });
  expect(page.lead[1]).toBe('The simulated medians are off by: TTFT +10.0 %, TPOT +10.0 %, ITL +10.0 %, E2EL +10.0 %.');
  const [latencies, times] = page.sections;
  expect(latencies?.tables?.[0]?.rows[1]).toEqual(['TTFT median (ms)', '19.50', '21.45', '+10.0 %']);
  expect(times?.paragraphs?.[0]).toMatch(/^A step takes .* ms \/ step \+ /);
  expect(unexplainedIn(page)).toEqual([]);
  const drawings = await drawCharts(page);
  expect([...drawings.keys()]).toEqual(['latencies', 'errors', 'steps']);
  for (const svg of drawings.values()) expect(/NaN|Infinity|undefined/.exec(svg)).toBeNull();
  const html = renderPage(page, drawings);
  expect(html).not.toContain(hostile);
  expect(html).toContain('&lt;script&gt;alert(1)&lt;');
});

test('shows the simulated run alone without a measured one', async () => {
  const page = simulationPage({ args, simulated: reportOf(1), measured: null, steps, costs });
  expect(unexplainedIn(page)).toEqual([]);
  expect(page.title).toBe('A simulated load');
  expect(page.lead).toHaveLength(1);
  expect(page.sections[0]?.tables?.[0]?.columns).toEqual(['', 'simulated']);
  expect([...(await drawCharts(page)).keys()]).toEqual(['latencies', 'steps']);
});
