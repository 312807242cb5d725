// The benchmark as a process, in a closed and an open loop: output, JSON files and exit codes.
// @module-tag sweep
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { reportJson } from '../../bench/closed-loop/json-report.ts';
import type { ModeReport } from '../../bench/closed-loop/mode-report.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-bench-'));
});

afterAll(() => rm(directory, { recursive: true }));

const bench = (...argv: string[]) => runNode(['bench/run.ts', ...argv]);

/** A benchmark's JSON file, whose shape another test checks. */
async function readReport(path: string): Promise<ReturnType<typeof reportJson<ModeReport>>> {
  return JSON.parse(await readFile(path, 'utf8'));
}

describe('node bench/run.ts', () => {
  test('reports the three modes, compares them and writes the same numbers to the JSON file', async () => {
    const path = join(directory, 'out.json');
    const { status, stdout } = bench('--num-requests', '2', '--max-new-tokens', '4', '--ignore-eos', '--json', path);
    const seconds = String.raw`\d+\.\d{6} seconds`;
    const speed = String.raw`\d+\.\d\d tokens/s`;
    const latency = String.raw`mean \d+\.\d\d ms, p50 \d+\.\d\d ms, p99 \d+\.\d\d ms`;
    const sections = ['naive', 'offline', 'online'].map(
      (mode) =>
        `=== ${mode} ===\nRequests: 2\nElapsed: ${seconds}\nPrompt tokens: 83\nCompletion tokens: 8\nTotal tokens: 91\n` +
        `Throughput \\(completion\\): ${speed}\nThroughput \\(total\\): ${speed}\n` +
        `TTFT: ${latency}\nTPOT: ${latency}\nITL: ${latency}\nE2E: ${latency}\n\n`,
    );
    const table = `mode +completion tok/s +× naive\nnaive +[\\d.]+ +1\\.00\noffline +[\\d. ]+\nonline +[\\d. ]+\n`;
    expect(stdout).toMatch(new RegExp(`^${sections.join('')}${table}ids equal in all modes: 2/2\n$`));
    expect(status).toBe(0);

    const { meta, modes } = await readReport(path);
    expect(meta).toMatchObject({ model: 'weights/tales', dtype: 'f16', seed: 0, args: { 'max-new-tokens': 4 } });
    expect(Object.keys(modes)).toEqual(['naive', 'offline', 'online']);
    for (const report of Object.values(modes)) {
      expect(report.completion_tokens).toBe(report.per_request.flatMap(({ ids }) => ids).length);
      expect(report.throughput_completion).toBeCloseTo(report.completion_tokens / report.elapsed_s, 6);
      expect(report.throughput_total).toBeCloseTo((8 + 83) / report.elapsed_s, 6);
      expect(stdout).toContain(`Elapsed: ${report.elapsed_s.toFixed(6)} seconds`);
      expect(report.per_request.map(({ ids, seed }) => ({ ids, seed }))).toEqual(
        modes.naive?.per_request.map(({ ids, seed }) => ({ ids, seed })),
      );
    }
  });

  test('draws its runs as a page and as figures, replaces neither unless told to, and shows prompts as texts', async () => {
    const [report, svg] = [join(directory, 'run.html'), join(directory, 'figures')];
    const hostile = '</script><script>alert(1)</script><img src=x>';
    const flags = ['--prompts', hostile, 'Once', '--max-new-tokens', '8', '--warmup', '0', '--ignore-eos'];
    const files = ['--report', report, '--report-svg', svg];
    const { status, stdout, stderr } = bench(...flags, ...files);
    expect({ status, warnings: stderr.match(/WARN.*/g) }).toEqual({ status: 0, warnings: null });
    const html = await readFile(report, 'utf8');
    expect(html).not.toMatch(/<script|<img|:\/\//);
    expect(html).toContain('&lt;/script&gt;&lt;script&gt;alert(1)');
    const names = [...html.matchAll(/<figure id="([^"]+)">/g)].map(([, name]) => `${name}.svg`);
    expect(names).toContain('timeline.svg');
    expect((await readdir(svg)).sort()).toEqual(names.sort());
    // The page has the throughput that was printed.
    for (const [, speed] of stdout.matchAll(/^(?:naive|offline|online) +([\d.]+)/gm)) {
      expect(html).toContain(`<td class="number">${speed}</td>`);
    }

    const again = bench(...flags, '--mode', 'online', '--report', report);
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(errorsIn(again.stderr)).toEqual([
      `--report is ${JSON.stringify(report)}, which exists; expected a new file, or --overwrite`,
    ]);
    expect(await readFile(report, 'utf8')).toBe(html);
    expect(bench(...flags, '--mode', 'online', '--report', report, '--overwrite').status).toBe(0);
    expect(await readFile(report, 'utf8')).toContain('This is a run of 2 requests under the scheduler online');
  });

  test('says before it loads a model that figures need vega, where that is not installed', () => {
    const hook =
      "import { registerHooks } from 'node:module'; registerHooks({ resolve(name, context, next) { " +
      "if (name === 'vega') throw new Error('no vega'); return next(name, context); } });";
    const missing = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`];
    const { status, stdout, stderr } = runNode([...missing, 'bench/run.ts', '--report', join(directory, 'none.html')]);
    expect({ status, stdout, errors: errorsIn(stderr) }).toEqual({
      status: 1,
      stdout: '',
      errors: [
        'reports with figures need vega and vega-lite, expected both to be installed: npm install vega vega-lite',
      ],
    });
    expect(stderr).not.toContain('model:');
  });

  test('finds its model from any directory, and shows no comparison of one mode', () => {
    const cwd = ['--import', `data:text/javascript,process.chdir(${JSON.stringify(directory)})`];
    const flags = ['--num-requests', '1', '--max-new-tokens', '1', '--warmup', '0', '--mode', 'online'];
    const { status, stdout } = runNode([...cwd, resolve('bench/run.ts'), ...flags]);
    expect(stdout).toMatch(/^=== online ===\nRequests: 1\n[^=]*TPOT: -\nITL: -\nE2E: .*\n\n$/);
    expect(status).toBe(0);
  });

  test('lets requests arrive over time, and records a run that the simulator repeats and calibrates with', async () => {
    const [json, record] = [join(directory, 'out.json'), join(directory, 'run.jsonl')];
    const load = ['--request-rate', '40', '--num-requests', '6', '--input-len', '4-20', '--output-len', '3-5'];
    const report = join(directory, 'open.html');
    const files = ['--json', json, '--record', record, '--report', report];
    const { status, stdout } = bench(...load, '--goodput', 'e2e:60000', ...files);
    expect(await readFile(report, 'utf8')).toContain('<figure id="timeline">');
    expect(stdout).toMatch(/^=+ Serving Benchmark Result =+\nScheduler: +online *\nSuccessful requests: +6 *\n/);
    expect(stdout).not.toContain('naive');
    expect(status).toBe(0);

    const { meta, modes } = JSON.parse(await readFile(json, 'utf8'));
    expect(meta.args).toMatchObject({ mode: 'online', 'request-rate': 40, goodput: { e2e: 60000 } });
    expect(Object.keys(modes)).toEqual(['online']);
    const { online } = modes;
    expect(online).toMatchObject({ num_prompts: 6, completed: 6, failed: 0, rejected: 0, request_rate: 40 });
    expect(online.request_goodput).toBe(online.request_throughput);
    expect(online.output_lens.every((length: number) => length >= 3 && length <= 5)).toBe(true);
    expect(online.itls.map((itls: number[]) => itls.length + 1)).toEqual(online.output_lens);

    const replayed = runNode(['bench/simulate.ts', '--replay', record]);
    expect(replayed.stdout).toMatch(/^\d+ steps: the same rows, admissions and preemptions in each\n/);
    expect(replayed.stdout).toContain(`Mean TTFT (ms):                          ${online.mean_ttft_ms.toFixed(2)} `);
    expect(replayed.status).toBe(0);

    const out = join(directory, 'simulated.json');
    const simulated = runNode(['bench/simulate.ts', '--calibrate', record, '--compare', record, '--json', out]);
    expect(simulated.stdout).toMatch(/6 requests simulated in \d+\.\d s\n\n +measured +simulated +error\nMedian TTFT/);
    expect(simulated.status).toBe(0);
    const result = JSON.parse(await readFile(out, 'utf8'));
    expect(result).toMatchObject({ completed: 6, total_output_tokens: online.total_output_tokens });
    expect(result.output_lens).toEqual(online.output_lens);
  });

  test('compares the ids of all modes when requests arrive over time, too', () => {
    const { status, stdout } = bench(
      '--request-rate',
      'inf',
      '--mode',
      'all',
      '--prompts',
      'a',
      'b',
      '--output-len',
      '3',
    );
    const schedulers = [...stdout.matchAll(/^Scheduler: +(\w+)/gm)].map(([, name]) => name);
    expect(schedulers).toEqual(['naive', 'offline', 'online']);
    expect(stdout).toMatch(/\nids equal in all modes: 2\/2\n$/);
    expect(status).toBe(0);
  });

  test('ends within moments of Ctrl-C, with 130', async () => {
    const flags = ['--ignore-eos', '--max-new-tokens', '900'];
    const child = spawn(process.execPath, ['bench/run.ts', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    for await (const data of child.stderr) {
      if (String(data).includes('model: weights/tales')) break;
    }
    child.kill('SIGINT');
    const [code, signal] = await once(child, 'exit');
    expect({ code, signal, stdout }).toEqual({ code: 130, signal: null, stdout: '' });
  });

  test.each<[flags: string[], message: unknown, code?: number]>([
    [
      ['--record', 'nowhere/run.jsonl', '--request-rate', '1'],
      '--record is "nowhere/run.jsonl" (ENOENT), expected a file that can be written',
    ],
    [['--report', 'nowhere/run.html'], '--report is "nowhere/run.html" (ENOENT), expected a file that can be written'],
    [
      ['--report-svg', 'package.json'],
      '--report-svg is "package.json" (ENOTDIR), expected a directory that can be written',
    ],
    [['--dataset', 'nowhere'], 'nowhere: ENOENT, expected a file that can be read'],
    [['--num-requests', '0'], '--num-requests is 0, expected an integer from 1 to 1000000', 2],
    [['--json', 'nowhere/out.json'], '--json is "nowhere/out.json" (ENOENT), expected a file that can be written'],
    [
      ['--model', 'nowhere'],
      'nowhere: model directory is missing, expected a directory with config.json and model.safetensors, a file that ends in .gguf, or a model of the hub: roseinfer pull nowhere brings it',
    ],
    [['--adapter', 'abacus'], expect.stringMatching(/^no adapter named like "abacus"; there are: \w/)],
    [['--max-new-tokens', '1024'], expect.stringMatching(/^--max-new-tokens is 1024, expected at most 1006,/), 2],
  ])('refuses %j with one line, and 2 where a value is wrong', (flags, message, code = 1) => {
    const { status, stdout, stderr } = bench(...flags);
    expect({ status, stdout, errors: errorsIn(stderr) }).toEqual({ status: code, stdout: '', errors: [message] });
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
