// The page of a comparison: every figure, a picture for each scheduler, and hostile names as text.
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { drawCharts, renderPage } from '../../../bench/charts/report-page.ts';
import { compareRuns } from '../../../bench/compare/compare-runs.ts';
import { comparisonPage } from '../../../bench/compare/comparison-page.ts';
import { readResult } from '../../../bench/compare/read-result.ts';
import { formatRuns } from '../../../bench/compare/text-report.ts';
import { unexplainedIn } from '../charts/unexplained.ts';
import { type Results, resultsOf, writeResults } from './results.ts';

const { signal } = new AbortController();
const HOSTILE = '<' + 'script>alert(1)<';

async function compare(first: Results, second: Results) {
  const [one = '', other = ''] = await writeResults(first, second);
  const hostile = join(dirname(one), `${HOSTILE}.json`);
  await rename(one, hostile);
  return compareRuns(await readResult(hostile, signal), await readResult(other, signal));
}

const slow = Array.from({ length: 8 }, (_, i) => [200 + i, 230 + i, 270 + 2 * i]);
const prompts = ['--prompts', ...Array.from({ length: 8 }, (_, i) => `${HOSTILE} ${i}`)];

test('has the numbers of the table, a picture of ratios and one of latencies, and says that nothing is judged', async () => {
  const comparison = await compare(resultsOf({ flags: prompts }), resultsOf({ flags: prompts, tokenTimes: slow }));
  const page = comparisonPage(comparison);
  const [section] = page.sections;
  expect(section?.charts?.map(({ name }) => name)).toEqual(['ratios-online', 'latencies-online']);
  expect(unexplainedIn(page)).toEqual([]);
  const table = formatRuns(comparison);
  for (const [name = '', first = '', second = '', ratio = '', interval = ''] of section?.tables?.[0]?.rows ?? []) {
    const line = table.split('\n').find((one) => one.startsWith(name));
    expect(line?.slice(name.length).trim().split(/ {2,}/)).toEqual([first, second, ratio, interval, '-']);
  }
  expect(page.lead.join('\n')).toMatch(
    /online, second against first: 0\.\d\d × completion tokens\/s, .* One run of each/,
  );
  const html = renderPage(page, await drawCharts(page));
  expect(html).toContain('&lt;script&gt;alert(1)&lt;.json');
  expect(html).toContain('&lt;script&gt;alert(1)&lt; 0');
  expect(html).not.toContain(HOSTILE);
  expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:/);
});

test('says by rounds which run is faster, warns of other surroundings, and lists settings that differ', async () => {
  const rounds = [1, 1, 1, 1.01, 1, 1.01];
  const other = resultsOf({
    flags: ['--max-batch-size', '3'],
    tokenTimes: slow,
    rounds,
    change: (file) => void Object.assign(file.meta, { adapter: 'other card' }),
  });
  const page = comparisonPage(await compare(resultsOf({ rounds }), other));
  expect(unexplainedIn(page)).toEqual([]);
  const lead = page.lead.join('\n');
  expect(lead).toContain('Settings, first → second: --max-batch-size 8 → 3.');
  expect(lead).toContain('× completion tokens/s (slower), 1.');
  expect(lead).toContain('Beware: the environment differs: adapter "card" → "other card".');
  expect(page.sections[0]?.paragraphs?.join()).toContain('intervals by round, of 7');
  expect(page.sections.at(-1)?.tables?.[0]?.rows).toContainEqual(['--max-batch-size', '8', '3']);
  expect([...(await drawCharts(page)).values()].join()).toContain('the second is slower');
});
