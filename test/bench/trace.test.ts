// Trace files of benchmarks and of a completion: a viewer finds every step, kernel and request in its place.
// @module-tag sweep
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TraceEvent } from '../../src/terminal/trace-events.ts';
import { checkCover, checkTrace, completeEvents } from '../support/engine/trace-checks.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-trace-'));
  path = join(directory, 'trace.json');
});
afterEach(() => rm(directory, { recursive: true }));

const BENCH = ['bench/run.ts', '--num-requests', '2', '--warmup', '0', '--ignore-eos'];
const GENERATE = ['src/cli/main.ts', 'generate', '--prompt', 'Once', '--temperature', '0', '--ignore-eos'];

interface Trace {
  readonly otherData: Readonly<Record<string, string>>;
  readonly traceEvents: readonly TraceEvent[];
}

/** Reads the trace and checks that no other file is beside it. */
async function readTrace() {
  const trace: Trace = JSON.parse(await readFile(path, 'utf8'));
  const events = trace.traceEvents;
  checkTrace(events);
  checkCover(events);
  expect(await readdir(directory)).toEqual(['trace.json']);
  const complete = completeEvents(events);
  const ofKind = (cat: string) => complete.filter((event) => event.cat === cat);
  const processes = events.filter((event) => event.name === 'process_name').map(({ args }) => args);
  const { otherData } = trace;
  return { otherData, processes, steps: ofKind('step'), kernels: ofKind('kernel'), requests: ofKind('request') };
}

describe('--trace', () => {
  test('of the benchmark has every run, with the kernels of each step inside it, and changes no id', async () => {
    const [plain, traced] = [join(directory, 'plain.json'), join(directory, 'traced.json')];
    const flags = [...BENCH, '--max-new-tokens', '4', '--json'];
    expect(runNode([...flags, plain]).status).toBe(0);
    expect(runNode([...flags, traced, '--trace', path]).status).toBe(0);
    const idsOf = async (report: string) => {
      const { modes } = JSON.parse(await readFile(report, 'utf8'));
      return Object.values<{ per_request: { ids: number[] }[] }>(modes).map((mode) =>
        mode.per_request.map(({ ids }) => ids),
      );
    };
    expect(await idsOf(traced)).toEqual(await idsOf(plain));
    await Promise.all([plain, traced].map((file) => rm(file)));

    const { processes, steps, kernels, requests, otherData } = await readTrace();
    expect(processes).toEqual(['naive', 'offline', 'online'].map((mode) => ({ name: `${mode} run 1 of 1` })));
    expect(requests.filter(({ args }) => args.finishReason === 'length')).toHaveLength(2 * 3);
    expect(steps.length).toBeGreaterThanOrEqual(4 * 2 + 4 + 4);
    expect(otherData).toMatchObject({ model: 'weights/tales', dtype: 'f16' });
    if (otherData.kernel_times?.startsWith('none')) return; // an adapter without timestamps
    const timed = new Set(kernels.map(({ pid, args }) => `${pid} ${args.step}`));
    expect(timed).toEqual(new Set(steps.map(({ pid, args }) => `${pid} ${args.index}`)));
    expect(new Set(kernels.map(({ name }) => name))).toContain('layernorm');
  });

  test('of a completion has its steps, and the text is the same', async () => {
    const flags = [...GENERATE, '--max-new-tokens', '3'];
    const { status, stdout } = runNode([...flags, '--trace', path]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: runNode(flags).stdout });
    const { processes, steps, requests } = await readTrace();
    expect(processes).toEqual([{ name: 'generate' }]);
    expect(steps.map(({ name }) => name)).toEqual(['prefill', 'decode', 'decode']);
    expect(requests[0]!.args).toMatchObject({ promptTokens: 1, completionTokens: 3, finishReason: 'length' });
  });

  test.each([
    ['the benchmark', [...BENCH, '--max-new-tokens', '60']],
    ['a completion', [...GENERATE, '--max-new-tokens', '1000']],
  ])('is whole after Ctrl-C in %s, with the requests that were aborted', async (_, flags) => {
    const child = spawn(process.execPath, [...flags, '--trace', path], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.resume();
    const exit = once(child, 'exit');
    // After the benchmark's first mode, or after the first token.
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    child.stdout.resume();
    const [code, signal] = await exit;
    expect({ code, signal }).toEqual({ code: 130, signal: null });
    const { steps, requests } = await readTrace();
    expect(steps.length).toBeGreaterThan(0);
    expect(requests.filter(({ args }) => args.finishReason === 'abort').length).toBeGreaterThan(0);
  });

  test.each([
    ['the benchmark', BENCH],
    ['a completion', GENERATE],
  ])('is refused before any work in %s when it can not be written', (_, flags) => {
    const { status, stdout, stderr } = runNode([...flags, '--trace', 'nowhere/trace.json', '--model', 'missing']);
    const message = '--trace is "nowhere/trace.json" (ENOENT), expected a file that can be written';
    expect({ status, stdout, errors: errorsIn(stderr) }).toEqual({ status: 1, stdout: '', errors: [message] });
  });

  test('leaves the file of an earlier run when nothing ran', async () => {
    const flags = ['--max-new-tokens', '2', '--mode', 'online'];
    expect(runNode([...BENCH, ...flags, '--trace', path]).status).toBe(0);
    const before = await readFile(path, 'utf8');
    expect(runNode([...BENCH, '--max-new-tokens', '1024', '--trace', path]).status).toBe(2);
    expect(await readFile(path, 'utf8')).toBe(before);
  });
});
