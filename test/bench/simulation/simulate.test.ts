// Replay and simulation of a recorded virtual run: a replay repeats every decision, a simulation predicts latencies.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SimulatedRunner } from '../../../bench/common/simulated-runner.ts';
import type { EngineSettings } from '../../../bench/load/engine-settings.ts';
import { RandomStream } from '../../../bench/load/random-stream.ts';
import type { TimedRequest } from '../../../bench/load/requests.ts';
import { reportOpenLoop } from '../../../bench/open-loop/report.ts';
import { type RecordedRun, readRun } from '../../../bench/open-loop/run-file.ts';
import { RunLog, stepsIn, turnsIn } from '../../../bench/open-loop/run-log.ts';
import { type OpenLoopRun, runOpenLoop } from '../../../bench/open-loop/run-open-loop.ts';
import { calibrate } from '../../../bench/simulation/calibration.ts';
import { replay } from '../../../bench/simulation/replay.ts';
import { repeatedRequests } from '../../../bench/simulation/requests.ts';
import { rowsOf, simulate } from '../../../bench/simulation/simulate.ts';
import { VirtualClock } from '../../../bench/simulation/virtual-clock.ts';
import type { BatchPlan } from '../../../src/core/batch-plan.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../../support/engine/fake-runner.ts';

// Too few blocks, so that sequences are preempted.
const LIMITS = { maxBatchSize: 6, maxBatchTokens: 48, maxModelLen: 64, numBlocks: 40, blockSize: 4, vocabSize: 40 };
const { signal } = new AbortController();
let tokenizer: Tokenizer;
let directory: string;

beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-simulation-'));
});

afterAll(() => rm(directory, { recursive: true }));

function drawRequests(count: number, seed: number): TimedRequest[] {
  const random = new RandomStream(seed, 'arrivals');
  let due = 0;
  return Array.from({ length: count }, (_, index) => {
    due += random.integer(0, 40);
    return {
      requestId: `r${index}`,
      due,
      promptIds: Array.from({ length: random.integer(1, 40) }, (_, i) => (i < 12 ? i : random.integer(0, 39))),
      priority: random.integer(-3, 3),
      sampling: {
        maxTokens: random.integer(1, 24),
        seed: 1000 * seed + index,
        temperature: 0,
        ignoreEos: index % 2 === 0,
      },
    };
  });
}

/** Milliseconds of a step on the recorded machine. */
const stepMs = (plan: BatchPlan) => 3 + 0.4 * (plan.numTokens - plan.numDecodeTokens) + 1.5 * plan.numDecodeTokens;

/** Records a run of a virtual machine with real ids, some of them eos, to a file and reads it back. */
async function record(
  requests: readonly TimedRequest[],
  settings: EngineSettings,
  readbackMs?: number,
  window?: number,
): Promise<[RecordedRun, OpenLoopRun]> {
  const limits = { ...LIMITS, ...(window && { window }) };
  const clock = new VirtualClock({ pauseMs: 0.3, lateMs: 0.7 });
  const [times, ids] = [new SimulatedRunner({ limits, clock, stepMs }), new FakeRunner(limits)];
  const runner = {
    limits,
    eosIds: [7], // every 40th id or so ends a request
    readbackMs,
    execute: async (plan: BatchPlan) => {
      const result = ids.compute(plan);
      await times.execute(plan);
      return result;
    },
    close: () => Promise.resolve(),
  };
  const log = new RunLog({ mode: 'online', limits, settings, eosIds: [7], readbackMs });
  const run = await clock.run(
    runOpenLoop('online', requests, {
      runner,
      tokenizer: Tokenizer.idsOnly(limits.vocabSize),
      signal,
      clock,
      settings,
      log,
    }),
  );
  const path = join(directory, 'run.jsonl');
  await writeFile(path, log.lines());
  return [await readRun(path, signal), run];
}

const settings: EngineSettings[] = [
  { prefixCache: false },
  { prefixCache: true, policy: 'priority' },
  { prefixCache: true, policy: 'shortest-prompt-first', maxStepMs: 15 },
  { prefixCache: false, maxQueuedRequests: 4 },
  { prefixCache: false, maxQueuedTokens: 60, maxStepMs: 12 },
];

describe('replay', () => {
  test.each(settings)('makes the decisions of a recorded run again under %j', async (setting) => {
    const [recorded, run] = await record(drawRequests(80, 3), setting);
    const replayed = await replay(recorded);
    expect(replayed.difference).toBeNull();
    expect(replayed.numSteps).toBeGreaterThan(100);
    const report = (each: OpenLoopRun) => {
      const { requests, latencies, rejected } = reportOpenLoop(each, undefined);
      return { requests, latencies, rejected };
    };
    expect(report(replayed.run)).toEqual(report(run));
    // The run has preemptions and ends of sequence, at which a replay could differ.
    const steps = stepsIn(turnsIn(recorded.entries));
    expect(steps.some(({ preempted }) => preempted.length > 0)).toBe(true);
    expect(run.outcomes.some(({ response }) => response?.finishReason === 'stop')).toBe(true);
    const isBounded = setting.maxQueuedRequests !== undefined || setting.maxQueuedTokens !== undefined;
    expect(report(run).rejected > 0).toBe(isBounded);
  });

  test('does so of a run of a model that slides, by the window in its header', async () => {
    const [recorded] = await record(drawRequests(80, 3), { prefixCache: false }, undefined, 8);
    expect(recorded.header.limits.window).toBe(8);
    expect((await replay(recorded)).difference).toBeNull();
    const header = { ...recorded.header, limits: LIMITS };
    expect((await replay({ ...recorded, header })).difference).toMatch(/^step \d+ is /);
  });

  test('does so of a run that left two steps unread, by the readback in its header', async () => {
    const [recorded] = await record(drawRequests(80, 3), { prefixCache: false }, 1e6);
    expect((await replay(recorded)).difference).toBeNull();
    const header = { ...recorded.header, readbackMs: undefined };
    expect((await replay({ ...recorded, header })).difference).toMatch(/^step \d+ is /);
  });

  test.each([
    [
      'another policy',
      (run: RecordedRun) => ({ ...run.header, settings: { policy: 'shortest-prompt-first' as const } }),
    ],
    ['fewer blocks', (run: RecordedRun) => ({ ...run.header, limits: { ...LIMITS, numBlocks: 30 } })],
    ['a smaller batch', (run: RecordedRun) => ({ ...run.header, limits: { ...LIMITS, maxBatchSize: 3 } })],
  ])('names the first step that differs with %s', async (_, change) => {
    const [recorded] = await record(drawRequests(80, 3), { prefixCache: false });
    const { difference } = await replay({ ...recorded, header: change(recorded) });
    expect(difference).toMatch(/^step \d+ is \{.*\}, recorded \{.*\}$/);
  });
});

describe('readRun', () => {
  test.each([
    [[0], '{"schema":"other"}', 1, 'no header of a recorded run, expected schema roseinfer-run-1'],
    [[0], '{"schema":"roseinfer-run-1","mode":"lifo"}', 1, 'mode is "lifo", expected one of naive, offline, online'],
    [
      [0],
      '{"schema":"roseinfer-run-1","mode":"online","limits":{"maxBatchSize":0}}',
      1,
      'limits.maxBatchSize is 0, expected an integer ≥ 1',
    ],
    [[4], '{"turn":', 5, '"{\\"turn\\":" is no JSON object, expected one a line'],
    [[4], '{"turn":1,"turn":2}', 5, 'key "turn" is given twice, expected once'],
    [[4], '{"turn":"now"}', 5, 'turn is "now", expected a number'],
    [[4], '{"turn":1}', 5, 'step is missing, expected an object'],
    [[4], '{"turn":1,"step":{"index":0,"submitted":1e999}}', 5, 'step.submitted is Infinity, expected a number'],
    [
      [4],
      '{"turn":1,"step":{"index":0,"submitted":1,"finished":2,"rows":[{"requestId":7}]}}',
      5,
      'step.rows[0].requestId is 7, expected text',
    ],
    [[4], '{"request":{}}', 5, 'request.start is missing, expected a number'],
    [[4], '{"request":{"start":2,"added":1}}', 5, 'request.start is 2, expected at most 1, when it was added'],
    [
      [4],
      '{"request":{"start":1,"added":1,"promptIds":[0.5]}}',
      5,
      'request.promptIds[0] is 0.5, expected an integer ≥ 0',
    ],
    [
      [4],
      '{"request":{"start":1,"added":1,"promptIds":[40],"ids":[]}}',
      5,
      'an id of request is 40, expected one below 40',
    ],
    [
      [4],
      '{"request":{"start":1,"added":1,"promptIds":[1],"ids":[],"maxTokens":64}}',
      5,
      'request has a prompt of 1 and 65 tokens, expected 1 to 64',
    ],
    [[4], '{}', 5, 'neither a turn nor a request, expected what --record writes'],
  ])('names line %j when it is %s', async ([index = 0], line, number, problem) => {
    await record(drawRequests(3, 1), {});
    const path = join(directory, 'run.jsonl');
    const lines = (await readFile(path, 'utf8')).split('\n');
    await writeFile(path, lines.with(index, line).join('\n'));
    await expect(readRun(path, signal)).rejects.toThrow(`${path}, line ${number}: ${problem}`);
  });
});

test('readRun refuses a request with the id or the seed of an earlier one', async () => {
  await record(drawRequests(3, 1), {});
  const path = join(directory, 'run.jsonl');
  const lines = (await readFile(path, 'utf8')).split('\n');
  const index = lines.findIndex((line) => line.startsWith('{"request"'));
  await writeFile(path, lines.toSpliced(index, 0, lines[index] ?? '').join('\n'));
  await expect(readRun(path, signal)).rejects.toThrow(
    /, line \d+: request \S+ has the id or the seed of one before it/,
  );
});

describe('simulate', () => {
  test('calibrated with a recorded run, predicts another one on the same machine', async () => {
    const [calibration] = await record(drawRequests(200, 5), {});
    const [heldOut, run] = await record(drawRequests(200, 6), {});
    const { costs, pauseMs, lateMs } = calibrate([calibration.entries]);
    expect({ pauseMs, lateMs }).toEqual({ pauseMs: expect.closeTo(0.3, 6), lateMs: expect.closeTo(0.7, 6) });
    const options = { header: heldOut.header, calibration: { costs, pauseMs, lateMs }, seed: 0, tokenizer, signal };
    const simulated = reportOpenLoop(await simulate(repeatedRequests(heldOut), options), undefined);
    const measured = reportOpenLoop(run, undefined);
    for (const name of ['ttft', 'tpot', 'itl', 'e2el'] as const) {
      for (const statistic of ['median', 'p99'] as const) {
        const ratio = (simulated.latencies[name]?.[statistic] ?? 0) / (measured.latencies[name]?.[statistic] ?? 0);
        // The cost model fits this machine exactly; what errors are left come from lengths known beforehand.
        expect(Math.abs(ratio - 1)).toBeLessThan(0.05);
      }
    }
  });

  test('is the same again with the same seed', async () => {
    const [recorded] = await record(drawRequests(50, 8), {});
    const calibration = calibrate([recorded.entries]);
    const options = { header: recorded.header, calibration, seed: 2, tokenizer, signal };
    const [first, again] = [await simulate(drawRequests(50, 9), options), await simulate(drawRequests(50, 9), options)];
    expect(reportOpenLoop(again, undefined)).toEqual(reportOpenLoop(first, undefined));
  });
});

describe('rowsOf', () => {
  test('finds the rows of a plan', async () => {
    const plans: BatchPlan[] = [];
    const [recorded] = await record(drawRequests(30, 2), {});
    const clock = new VirtualClock();
    const runner = new SimulatedRunner({ limits: LIMITS, clock, stepMs: (plan) => plans.push(plan) });
    const log = new RunLog({ mode: 'online', limits: LIMITS, settings: {}, eosIds: [] });
    await clock.run(
      runOpenLoop('online', repeatedRequests(recorded), { runner, tokenizer, signal, clock, settings: {}, log }),
    );
    const steps = stepsIn(turnsIn(log.entries));
    expect(steps).toHaveLength(plans.length);
    for (const [index, { rows }] of steps.entries()) {
      const isDecode = ({ numTokens }: { numTokens: number }) => numTokens === 1;
      const ordered = [...rows.filter(isDecode), ...rows.filter((row) => !isDecode(row))];
      expect(rowsOf(plans[index]!)).toEqual(ordered.map(({ requestId: _, ...row }) => row));
    }
  });
});
