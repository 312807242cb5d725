// Two results compared: figures and intervals by hand, what has to agree, and what is warned of.
import { expect, test } from 'vitest';
import { compareRuns } from '../../../bench/compare/compare-runs.ts';
import { readResult } from '../../../bench/compare/read-result.ts';
import { formatRuns } from '../../../bench/compare/text-report.ts';
import { medianInterval } from '../../../src/timing/median-interval.ts';
import { type Results, resultsOf, writeResults } from './results.ts';

const { signal } = new AbortController();

async function compare(...files: readonly [Results, Results]) {
  const [first = '', second = ''] = await writeResults(...files);
  return compareRuns(await readResult(first, signal), await readResult(second, signal));
}

const times = Array.from({ length: 8 }, (_, i) => [100 + 10 * i, 140 + 10 * i, 150 + 10 * i]);
const twice = times.map((own) => own.map((time) => 2 * time));

test('without rounds, latencies have intervals by request, and nothing has a verdict', async () => {
  const { modes, warnings, differences } = await compare(
    resultsOf({ tokenTimes: times }),
    resultsOf({ tokenTimes: twice }),
  );
  expect({ warnings, differences }).toEqual({ warnings: [], differences: [] });
  const { metrics, ...counts } = modes.get('online')!;
  expect(counts).toEqual({ by: 'request', rounds: 1, requests: 8, paired: 8, equal: 8 });
  const found = Object.fromEntries(metrics.map(({ metric, statistic, ...row }) => [`${metric} ${statistic}`, row]));
  // 24 tokens in 220 ms, and in 440 ms.
  const rate = { ratio: 0.5, interval: null, verdict: null };
  expect(found['throughput_completion rate']).toEqual({ first: 24 / 0.22, second: 24 / 0.44, ...rate });
  const interval = { low: 2, high: 2 };
  expect(found['ttft mean']).toEqual({ first: 135, second: 270, ratio: 2, interval, verdict: null });
  expect(found['tpot p50']).toEqual({ first: 25, second: 50, ratio: 2, interval, verdict: null });
  expect(found['itl mean']).toMatchObject({ first: 25, second: 50, interval });
  expect(found['itl p50']).toMatchObject({ first: 25, second: 50 });
  expect(found['e2e p99']).toMatchObject({ first: 219.3, second: 438.6, interval: null });
});

test('with seven rounds each, all intervals are quotients of those of medians of rounds, and bring verdicts', async () => {
  const rounds = [1.1, 1.2, 1.3, 1.4, 1.5, 1.6];
  const slower = resultsOf({ tokenTimes: twice, rounds });
  const { modes } = await compare(resultsOf({ tokenTimes: times, rounds }), slower);
  const { by, metrics } = modes.get('online')!;
  expect(by).toBe('round');
  const [rate] = metrics;
  const ttft = metrics.find(({ metric, statistic }) => metric === 'ttft' && statistic === 'mean');
  // The medians are those of the round that takes 1.3 times as long; of seven rounds the interval of the median is all of them.
  const { low, high } = medianInterval([1, ...rounds], 0.975)!;
  expect([low, high]).toEqual([1, 1.6]);
  expect(ttft?.first).toBeCloseTo(1.3 * 135, 9);
  expect(ttft?.second).toBeCloseTo(1.3 * 270, 9);
  expect(ttft?.interval?.low).toBeCloseTo(2 / 1.6, 9);
  expect(ttft?.interval?.high).toBeCloseTo(2 * 1.6, 9);
  expect(ttft?.verdict).toBe('slower');
  expect(rate?.interval?.low).toBeCloseTo(0.5 / 1.6, 9);
  expect(rate?.interval?.high).toBeCloseTo(0.5 * 1.6, 9);
  // Fewer tokens a second are slower, too.
  expect(rate?.verdict).toBe('slower');
  const same = await compare(slower, slower);
  expect(same.modes.get('online')!.metrics.map(({ verdict, ratio }) => [verdict, ratio])).toEqual(
    metrics.map(() => ['same', 1]),
  );
});

test('six rounds are too few', async () => {
  const file = resultsOf({ rounds: [1, 1, 1, 1, 1] });
  expect((await compare(file, file)).modes.get('online')?.by).toBe('request');
});

const OPEN = ['--request-rate', 'inf', '--input-len', '4', '--output-len', '3', '--goodput', 'ttft:150'];

test('an open loop has its own rates, and latencies of the requests that both runs completed', async () => {
  const rejected = [[], ...twice.slice(1)];
  const { modes, warnings } = await compare(
    resultsOf({ flags: OPEN, tokenTimes: times }),
    resultsOf({ flags: OPEN, tokenTimes: rejected }),
  );
  const { metrics, requests, paired } = modes.get('online')!;
  expect({ requests, paired }).toEqual({ requests: 8, paired: 7 });
  expect(warnings).toEqual(['online: 1 of 8 requests are not complete in both']);
  const found = Object.fromEntries(metrics.map(({ metric, statistic, ...row }) => [`${metric} ${statistic}`, row]));
  expect(found['request_throughput rate']).toMatchObject({ first: 8, second: 7 });
  expect(found['request_goodput rate']).toMatchObject({ first: 6, second: 0 });
  expect(found['ttft mean']?.first).toBeCloseTo(140, 9);
  expect(found['tpot mean']?.second).toBeCloseTo(50, 9);
  expect(found['e2e mean']?.ratio).toBeCloseTo(2, 9);
});

test.each<[field: string, message: string, change: (file: Results) => void]>([
  [
    'model',
    'model is "weights/tales" in the first and "other" in the second, expected results of one model',
    (file) => {
      file.meta.model = 'other';
    },
  ],
  [
    '--max-new-tokens',
    '--max-new-tokens is 100 in the first and 7 in the second, expected results of one workload',
    (file) => {
      file.meta.args['max-new-tokens'] = 7;
    },
  ],
  [
    '--prompts',
    '--prompts is not given in the first and ["a"] in the second, expected results of one workload',
    (file) => {
      file.meta.args.prompts = ['a'];
    },
  ],
  [
    'mode',
    'mode is ["online"] in the first and ["naive"] in the second, expected a mode in both',
    (file) => {
      file.modes = { naive: file.modes.online };
    },
  ],
  [
    'number of requests of online',
    'number of requests of online is 8 in the first and 7 in the second, expected results of one workload',
    (file) => {
      file.modes.online.per_request.pop();
    },
  ],
  [
    'tokens of prompt 2 of online',
    'tokens of prompt 2 of online is 4 in the first and 5 in the second, expected results of one workload',
    (file) => {
      file.modes.online.per_request[2].prompt_tokens = 5;
    },
  ],
])('results that differ in %s are refused', async (field, message, change) => {
  await expect(compare(resultsOf(), resultsOf({ change }))).rejects.toThrow(
    expect.objectContaining({ name: 'DisagreementError', field, message }),
  );
});

test('open loops whose requests arrive at other times are refused, and a closed loop beside an open one', async () => {
  const open = resultsOf({ flags: OPEN });
  const late = resultsOf({
    flags: OPEN,
    change: (file) => {
      file.modes.online.start_times[3] = 0.5;
    },
  });
  await expect(compare(open, late)).rejects.toThrow(
    'arrival of request 3 of online is 0 in the first and 0.5 in the second',
  );
  const closed = resultsOf({
    change: (file) => {
      file.meta.args = open.meta.args;
    },
  });
  await expect(compare(open, closed)).rejects.toThrow(
    'the load of online is "open loop" in the first and "closed loop" in the second',
  );
});

test('settings are listed, surroundings and other ids are warned of, and modes of one file alone are left out', async () => {
  const { differences, warnings, modes, ...rest } = await compare(
    resultsOf(),
    resultsOf({
      flags: ['--max-batch-size', '16', '--json', 'second.json', '--report', 'second.html', '--overwrite'],
      change: (file) => {
        Object.assign(file.meta, { adapter: 'other', node: '99.0.0', dtype: 'q8' });
        file.modes.online.per_request[1].ids[0] = 99;
        file.modes.naive = file.modes.online;
      },
    }),
  );
  expect(differences).toEqual([
    { field: 'dtype', first: 'f16', second: 'q8' },
    { field: '--max-batch-size', first: 8, second: 16 },
  ]);
  expect(warnings).toEqual([
    'the environment differs: adapter "card" → "other"',
    `the environment differs: node "${process.versions.node}" → "99.0.0"`,
    'naive is in one of the files alone, and is left out',
    'online: 1 of 8 requests have other ids or lengths, so the work is not the same',
  ]);
  expect([...modes.keys()]).toEqual(['online']);
  expect(formatRuns({ differences, warnings, modes, ...rest })).toContain(
    'settings: dtype "f16" → "q8", --max-batch-size 8 → 16\n',
  );
});

test('the table has a row for each figure, and says of what the intervals are', async () => {
  const text = formatRuns(await compare(resultsOf({ tokenTimes: times }), resultsOf({ tokenTimes: twice })));
  expect(text.split('\n').slice(3)).toEqual([
    '=== online ===',
    '                           first      second     ratio   95 % interval   the second is',
    'completion tokens/s       109.09       54.55     0.500   -               -',
    'all tokens/s              254.55      127.27     0.500   -               -',
    'decode tokens/s           133.33       66.67     0.500   -               -',
    'TTFT mean (ms)            135.00      270.00     2.000   2.000 to 2.000  -',
    'TTFT p50 (ms)             135.00      270.00     2.000   2.000 to 2.000  -',
    'TTFT p99 (ms)             169.30      338.60     2.000   -               -',
    'TPOT mean (ms)             25.00       50.00     2.000   2.000 to 2.000  -',
    'TPOT p50 (ms)              25.00       50.00     2.000   2.000 to 2.000  -',
    'TPOT p99 (ms)              25.00       50.00     2.000   -               -',
    'ITL mean (ms)              25.00       50.00     2.000   2.000 to 2.000  -',
    'ITL p50 (ms)               25.00       50.00     2.000   2.000 to 2.000  -',
    'ITL p99 (ms)               40.00       80.00     2.000   -               -',
    'E2E mean (ms)             185.00      370.00     2.000   2.000 to 2.000  -',
    'E2E p50 (ms)              185.00      370.00     2.000   2.000 to 2.000  -',
    'E2E p99 (ms)              219.30      438.60     2.000   -               -',
    'same ids or lengths: 8/8; intervals by request, of 8, in these two runs: how far other runs are off, rounds tell (--repeat 7)',
  ]);
});

test.each<[what: string, file: Results, message: string]>([
  ['no JSON', '{"a":', 'the file is not JSON, expected a JSON object'],
  ['a list', '[]', 'the file is [], expected a JSON object'],
  ['nothing', '', 'the file is not JSON, expected a JSON object'],
  ['another object', {}, 'schema is missing, expected roseinfer-benchmark-1, as bench/run.ts --json writes it'],
  [
    'results of another benchmark',
    { schema: 'roseinfer-kernels-1' },
    'schema is "roseinfer-kernels-1", expected roseinfer-benchmark-1, as bench/run.ts --json writes it',
  ],
  [
    'a run that was cut',
    resultsOf({
      change: (file) => {
        file.partial = true;
      },
    }),
    'partial is true, expected false: the results of a run to its end',
  ],
  [
    'no model',
    resultsOf({
      change: (file) => {
        delete file.meta.model;
      },
    }),
    'meta.model is missing, expected text',
  ],
  [
    'no flags',
    resultsOf({
      change: (file) => {
        file.meta.args = 3;
      },
    }),
    'meta.args is 3, expected an object',
  ],
  [
    'no rounds',
    resultsOf({
      change: (file) => {
        delete file.modes.online.rounds;
      },
    }),
    'modes.online.rounds is missing, expected a list',
  ],
  [
    'a latency that is no number',
    resultsOf({
      change: (file) => {
        file.modes.online.per_request[1].ttft_ms = 'soon';
      },
    }),
    'modes.online.per_request[1].ttft_ms is "soon", expected a number',
  ],
  [
    'gaps that are no list',
    resultsOf({
      change: (file) => {
        file.modes.online.per_request[0].itls_ms = 5;
      },
    }),
    'modes.online.per_request[0].itls_ms is 5, expected a list',
  ],
  [
    'a column that is cut',
    resultsOf({
      flags: OPEN,
      change: (file) => {
        file.modes.online.itls.pop();
      },
    }),
    'modes.online.itls has 7 entries, expected num_prompts, 8',
  ],
  [
    'a gap that is no number',
    resultsOf({
      flags: OPEN,
      change: (file) => {
        file.modes.online.itls[2] = ['x'];
      },
    }),
    'modes.online.itls[2] is ["x"], expected a list of numbers',
  ],
])('a file with %s is refused by name', async (_, file, message) => {
  const [path = ''] = await writeResults(file);
  await expect(readResult(path, signal)).rejects.toThrow(
    expect.objectContaining({ name: 'JsonLinesError', message: `${path}: ${message}` }),
  );
});
