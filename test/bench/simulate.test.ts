// The simulator as a process, on a recorded run of one request.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { simulateScript } from '../../bench/simulation/args.ts';
import { readCommandLine } from '../../src/terminal/command-line.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-simulate-'));
});

afterAll(() => rm(directory, { recursive: true }));

const limits = { maxBatchSize: 8, maxBatchTokens: 64, maxModelLen: 64, numBlocks: 64, blockSize: 4, vocabSize: 100 };

/** A run of one request of two steps: 2 prompt tokens in 8 ms, one more in 4 ms. */
function recording(change: (step: { rows: unknown[] }) => void = () => {}): string {
  const step = (index: number, submitted: number, finished: number, row: object) => ({
    index,
    submitted,
    finished,
    rows: [{ requestId: 'a', samples: true, ...row }],
    admitted: index === 0 ? ['a'] : [],
    preempted: [],
    numWaiting: 0,
  });
  const last = step(1, 2, 14, { start: 2, numTokens: 1 });
  change(last);
  const request = { requestId: 'a', start: 1, added: 1, promptIds: [5, 6], maxTokens: 2, seed: 1, ignoreEos: false };
  return [
    { schema: 'roseinfer-run-1', mode: 'online', limits, settings: {}, eosIds: [3], start: 0 },
    { request: { ...request, ids: [8, 9] } },
    { turn: 2, step: step(0, 2, 10, { start: 0, numTokens: 2 }) },
    { turn: 2, step: last },
    { turn: 10, step: null },
  ]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}

async function simulate(text: string, ...flags: string[]) {
  const path = join(directory, 'run.jsonl');
  await writeFile(path, text);
  return { path, ...runNode(['bench/simulate.ts', ...flags.map((flag) => (flag === 'RUN' ? path : flag))]) };
}

describe('node bench/simulate.ts', () => {
  test('replays a run, with the times that it took', async () => {
    const { status, stdout, stderr } = await simulate(recording(), '--replay', 'RUN', '--goodput', 'ttft:9');
    expect(stderr).toBe('');
    expect(stdout).toContain('2 steps: the same rows, admissions and preemptions in each\n');
    expect(stdout).toMatch(/Mean TTFT \(ms\): +9\.00/);
    expect(stdout).toMatch(/Mean TPOT \(ms\): +4\.00/);
    expect(stdout).toMatch(/Request goodput/);
    expect(status).toBe(0);
  });

  test('names the step in which a replay goes another way, and ends with 1', async () => {
    const { status, stderr, path } = await simulate(
      recording((step) => step.rows.pop()),
      '--replay',
      'RUN',
    );
    expect(errorsIn(stderr)).toEqual([expect.stringContaining(`${path} went another way: step 1 is {`)]);
    expect(status).toBe(1);
  });

  test('simulates drawn requests, those of a recorded run as a page, and those of a dataset', async () => {
    const drawn = ['--input-len', '10', '--output-len', '5', '--num-requests', '30', '--request-rate', '5'];
    const { status, stdout } = await simulate(recording(), '--calibrate', 'RUN', 'RUN', ...drawn);
    expect(stdout).toMatch(/^a step takes .* ms \/ .*\n30 requests simulated in \d+\.\d s\n\n=+ Serving/);
    expect(stdout).toMatch(/Total input tokens: +300 *\nTotal generated tokens: +150/);
    expect(status).toBe(0);

    const page = join(directory, 'simulated.html');
    const compared = await simulate(recording(), '--calibrate', 'RUN', '--compare', 'RUN', '--report', page);
    expect(compared.status).toBe(0);
    expect(await readFile(page, 'utf8')).toContain('The simulated medians are off by: TTFT ');

    const dataset = join(directory, 'dataset.jsonl');
    await writeFile(
      dataset,
      '{"timestamp_ms":1,"prompt":"a b","output_length":5}\n{"timestamp_ms":2,"output_length":5}',
    );
    const refused = await simulate(recording(), '--calibrate', 'RUN', '--dataset', dataset);
    expect(errorsIn(refused.stderr)).toEqual([
      `${dataset}, line 2: input_length is missing, expected an integer ≥ 1, or a prompt instead`,
    ]);
    expect(refused.status).toBe(1);
  });

  test('names the line of a request that the recorded context has no room for, and a rate that no clock can hold', async () => {
    const dataset = join(directory, 'long.jsonl');
    await writeFile(
      dataset,
      '{"timestamp_ms":9,"prompt":"a b","output_length":5}\n{"timestamp_ms":1,"prompt":"a b c","output_length":63}',
    );
    const wide = recording().replace('"vocabSize":100', '"vocabSize":8192');
    const long = await simulate(wide, '--calibrate', 'RUN', '--dataset', dataset);
    expect(errorsIn(long.stderr)).toEqual([
      expect.stringMatching(/long\.jsonl, line 2: output_length is 63, expected at most/),
    ]);
    expect(long.status).toBe(1);
    const slow = await simulate(
      recording(),
      '--calibrate',
      'RUN',
      '--input-len',
      '4',
      '--output-len',
      '4',
      '--request-rate',
      '1e-300',
    );
    expect(errorsIn(slow.stderr)).toEqual([
      expect.stringMatching(/^--request-rate is 1e-300, expected a rate at which/),
    ]);
    expect(slow.status).toBe(2);
  });

  test('has no figure of a run without requests, in text and in JSON', async () => {
    const out = join(directory, 'none.json');
    const [header = ''] = recording().split('\n');
    const flags = ['--replay', 'RUN', '--goodput', 'ttft:1', '--json', out];
    const { status, stdout } = await simulate(`${header}\n{"turn":2,"step":null}\n`, ...flags);
    expect(status).toBe(0);
    expect(stdout).not.toMatch(/NaN|Infinity|undefined|null/);
    expect(stdout).toMatch(/Request goodput \(req\/s\): +- *\nOutput token throughput \(tok\/s\): +- *\n/);
    const json: Record<string, unknown> = JSON.parse(await readFile(out, 'utf8'));
    expect(json).toMatchObject({ completed: 0, request_goodput: null, output_throughput: null, mean_ttft_ms: null });
  });

  test('turns requests away as its flags say, whatever the recorded engine did', async () => {
    const flags = ['--input-len', '4', '--output-len', '4', '--num-requests', '20', '--max-queued-requests', '2'];
    const { stdout } = await simulate(recording(), '--calibrate', 'RUN', ...flags);
    expect(stdout).toMatch(/Successful requests: +10 *\nFailed requests: +0 *\nRejected requests: +10/);
  });

  test('lets an hour pass in virtual time', async () => {
    const flags = ['--input-len', '2', '--output-len', '1', '--num-requests', '1000', '--request-rate', '0.25'];
    const { stdout } = await simulate(recording(), '--calibrate', 'RUN', ...flags);
    const [, duration] = /Benchmark duration \(s\): +([\d.]+)/.exec(stdout) ?? [];
    expect(Number(duration)).toBeGreaterThan(3000);
  });
});

describe('the flags of bench/simulate.ts', () => {
  test.each([
    ['', 'either --calibrate or --replay is needed'],
    ['--calibrate a --replay b', 'either --calibrate or --replay is needed'],
    ['--calibrate a', '--calibrate needs requests: --dataset, --compare, or --input-len and --output-len'],
    [
      '--calibrate a --input-len 3',
      '--calibrate needs requests: --dataset, --compare, or --input-len and --output-len',
    ],
    ['--calibrate', '--calibrate has no value, expected one'],
    ['--replay a --compare b', '--compare has no effect without --calibrate'],
    ['--replay a --report b', '--report has no effect without --calibrate'],
    ['--replay a --dataset b', '--dataset has no effect without --calibrate'],
    ['--replay a --burstiness 1', '--burstiness has no effect without --request-rate'],
    ['--replay a stray', 'stray word "stray", expected flags that --help lists'],
  ])('refuses %j', (line, message) => {
    const argv = line === '' ? [] : line.split(' ');
    expect(() => readCommandLine(simulateScript, argv)).toThrow(
      expect.objectContaining({ name: 'UsageError', message }),
    );
  });
});
