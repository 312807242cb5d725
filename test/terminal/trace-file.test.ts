// The file that --trace writes: it describes the run, also one that was aborted, and is not touched by one that ran
// nothing.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { streamText } from '../../src/cli/generate.ts';
import { TraceFile } from '../../src/terminal/trace-file.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { quote } from '../../src/util/quote.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SimulatedClock, SimulatedGpu } from '../support/engine/simulated-gpu.ts';
import { checkCover, checkTrace, completeEvents } from '../support/engine/trace-checks.ts';
import { cardIdentity } from '../support/gpu/adapter-identity.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

let directory: string;
let path: string;
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, 'trace.json');
});

const limits = { maxBatchTokens: 256, maxModelLen: 256, vocabSize: 8192 };
/** Signal of a command that is not interrupted. */
const running = new AbortController().signal;
const readTrace = async () => JSON.parse(await readFile(path, 'utf8'));

/** Streams a completion under a trace; the signal aborts it when the text has `numPieces` pieces. */
async function traced(runner: FakeRunner, { pieces = Number.POSITIVE_INFINITY, clock = new SimulatedClock() } = {}) {
  await using trace = new TraceFile(path, running);
  trace.describe('weights/tales', { adapter: cardIdentity, dtype: 'f16' });
  const abort = new AbortController();
  let count = 0;
  const request = { prompt: 'Once upon a time', sampling: { seed: 3, maxTokens: 20, ignoreEos: true } };
  await streamText(
    { runner, tokenizer, clock, ...trace.watch('generate') },
    { ...request, n: 1, signal: abort.signal },
    {
      piece: () => {
        if (++count === pieces) abort.abort(new Error('enough'));
      },
      end: () => {},
    },
  );
}

test('a trace has the events of the run, its origin, and a note that timed kernels slow a run down', async () => {
  const clock = new SimulatedClock();
  await traced(new SimulatedGpu(clock, 50, limits), { clock });
  const { traceEvents, otherData, displayTimeUnit } = await readTrace();
  checkTrace(traceEvents);
  checkCover(traceEvents);
  expect(completeEvents(traceEvents).filter(({ cat }) => cat === 'step')).toHaveLength(20);
  expect(displayTimeUnit).toBe('ms');
  expect(otherData).toEqual({
    program: expect.stringMatching(/^roseinfer \d/),
    date: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    node: process.versions.node,
    model: 'weights/tales',
    dtype: 'f16',
    adapter: 'card',
    driver: 'driver 1',
    reduction: 'gpu',
    webgpu: '0.6.2',
    kernel_times: expect.stringContaining('steps took longer than without --trace'),
  });
  expect(await readdir(directory)).toEqual(['trace.json']);
});

test('a runner without timestamps has no kernels in its trace, which says so', async () => {
  await traced(new FakeRunner(limits), { clock: new SimulatedClock() });
  const { traceEvents, otherData } = await readTrace();
  expect(completeEvents(traceEvents).map(({ cat }) => cat)).not.toContain('kernel');
  expect(otherData.kernel_times).toMatch(/^none: the adapter has no timestamps/);
});

test('an aborted run leaves a trace of its steps and its request', async () => {
  const clock = new SimulatedClock();
  await expect(traced(new SimulatedGpu(clock, 50, limits), { clock, pieces: 5 })).rejects.toThrow('enough');
  const { traceEvents } = await readTrace();
  checkTrace(traceEvents);
  checkCover(traceEvents);
  const complete = completeEvents(traceEvents);
  expect(complete.filter(({ args }) => args.finishReason === 'abort')).toHaveLength(1);
  expect(complete.filter(({ cat }) => cat === 'step').length).toBeLessThan(20);
});

test('where nothing ran, the file is as it was', async () => {
  await writeFile(path, 'an older trace');
  const run = async () => {
    await using trace = new TraceFile(path, running);
    trace.watch('generate');
    throw new Error('refused');
  };
  await expect(run()).rejects.toThrow('refused');
  expect(await readFile(path, 'utf8')).toBe('an older trace');
});

test.each([true, false])('where nothing ran, a line says so if that was an interruption: %s', async (isInterrupted) => {
  const error = vi.spyOn(console, 'error').mockImplementation(() => {});
  const abort = new AbortController();
  const trace = new TraceFile(path, abort.signal);
  trace.watch('generate');
  if (isInterrupted) abort.abort();
  await trace[Symbol.asyncDispose]();
  const line = `--trace: nothing has run yet, so ${quote(path)} is not written`;
  expect(error.mock.calls).toEqual(isInterrupted ? [[line]] : []);
  expect(await readdir(directory)).toEqual([]);
  error.mockRestore();
});
