// An interrupted benchmark leaves the files of all that ran until then.
// @module-tag sweep
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRun } from '../../bench/open-loop/run-file.ts';

const { signal } = new AbortController();
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-interruption-'));
});
afterEach(() => rm(directory, { recursive: true }));

const at = (name: string) => join(directory, name);

/** Milliseconds from the first line to the middle of a run of minutes. */
const LATER = 1500;

/** Runs the benchmark and sends a signal once stderr or stdout has a text, or some milliseconds later. */
async function interrupt(line: string, signal: NodeJS.Signals, text: string, delay = 0) {
  const files = ['--json', at('out.json'), '--trace', at('trace.json'), '--report', at('out.html')];
  const child = spawn(process.execPath, ['bench/run.ts', ...line.split(' '), ...files]);
  let printed = '';
  let isSent = false;
  const look = (data: Buffer) => {
    printed += data;
    if (isSent || !printed.includes(text)) return;
    isSent = true;
    setTimeout(() => child.kill(signal), delay);
  };
  child.stdout.on('data', look);
  child.stderr.on('data', look);
  const [code] = await once(child, 'close');
  return { code, printed, files: (await readdir(directory)).sort() };
}

const readJson = async (name: string) => JSON.parse(await readFile(at(name), 'utf8'));

test('SIGTERM in an open loop leaves results, trace and record of the requests until then', async () => {
  const line = `--request-rate inf --num-requests 8 --output-len 900 --warmup 0 --record ${at('run.jsonl')}`;
  const ended = await interrupt(line, 'SIGTERM', 'model:', LATER);
  expect(ended).toMatchObject({ code: 143, files: ['out.html', 'out.json', 'run.jsonl', 'trace.json'] });
  const { partial, modes } = await readJson('out.json');
  expect(partial).toBe(true);
  expect(modes).toMatchObject({ online: { failed: 8, completed: 0 } });
  expect((await readJson('trace.json')).traceEvents.length).toBeGreaterThan(0);
  const { entries } = await readRun(at('run.jsonl'), signal);
  expect(entries.filter((entry) => 'request' in entry)).toHaveLength(8);
});

test('SIGTERM between two modes leaves the results of the first', async () => {
  const line = '--num-requests 2 --max-new-tokens 8 --warmup 0 --ignore-eos';
  const ended = await interrupt(line, 'SIGTERM', 'naive');
  expect(ended).toMatchObject({ code: 143, files: ['out.html', 'out.json', 'trace.json'] });
  expect(await readFile(at('out.html'), 'utf8')).toContain('The run was interrupted: this is what it had until then.');
  const { partial, modes } = await readJson('out.json');
  expect(partial).toBe(true);
  expect(modes.naive.per_request.map(({ finish_reason }: { finish_reason: string }) => finish_reason)).toEqual([
    'length',
    'length',
  ]);
  expect(modes).not.toHaveProperty('online');
});

test('SIGTERM in the warm-up says that nothing has run yet', async () => {
  const line = '--num-requests 8 --max-new-tokens 100 --warmup 1000 --ignore-eos --mode online';
  const { code, printed, files } = await interrupt(line, 'SIGTERM', 'model:');
  expect({ code, files }).toEqual({ code: 143, files: [] });
  for (const flag of ['--json', '--trace', '--report']) expect(printed).toContain(`${flag}: nothing has run yet, so `);
});
