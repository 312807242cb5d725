// The kernel benchmark as a command: its flags, the table and the JSON file, refusals, and what a signal leaves.
// @module-tag sweep
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kernelScript } from '../../bench/kernels/args.ts';
import type { kernelReportJson } from '../../bench/kernels/report.ts';
import { Device } from '../../src/gpu/device.ts';
import { readCommandLine } from '../../src/terminal/command-line.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

let directory: string;
let device: Device;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-kernels-'));
  device = await Device.open();
});
afterAll(async () => {
  device.close();
  await rm(directory, { recursive: true });
});

describe('the flags of bench/kernels.ts', () => {
  test('has ten runs, and no value for what the model or the adapter decides', () => {
    expect(readCommandLine(kernelScript, [])).toEqual({ runs: 10 });
  });

  test('reads every flag', () => {
    const line =
      '--model dir --dtype f32 --kv-dtype f16 --adapter llvm --reduction gpu --invariance --filter qkv --runs 3 --estimate a100-sxm --json out.json --report a.html --report-svg b --overwrite';
    expect(readCommandLine(kernelScript, line.split(' '))).toEqual({
      model: 'dir',
      dtype: 'f32',
      'kv-dtype': 'f16',
      adapter: 'llvm',
      reduction: 'gpu',
      invariance: true,
      filter: 'qkv',
      runs: 3,
      estimate: 'a100-sxm',
      json: 'out.json',
      report: 'a.html',
      'report-svg': 'b',
      overwrite: true,
    });
  });

  test.each([
    ['--runs 0', '--runs is 0, expected an integer from 1 to 2147483647'],
    ['--filter a --filter b', '--filter is ["a", "b"], expected one text that is not empty'],
    ['--filters a', 'unknown flag "--filters", expected one that --help lists (did you mean --filter?)'],
    ['--runs 1 stray', 'stray word "stray", expected flags that --help lists'],
  ])('refuses %s', (line, message) => {
    expect(() => readCommandLine(kernelScript, line.split(' '))).toThrow(
      expect.objectContaining({ name: 'UsageError', message }),
    );
  });
});

describe('node bench/kernels.ts', () => {
  const bench = (...argv: string[]) => runNode(['bench/kernels.ts', '--model', 'weights/tales', ...argv]);

  async function readReport(path: string): Promise<ReturnType<typeof kernelReportJson>> {
    return JSON.parse(await readFile(path, 'utf8'));
  }

  test('keeps what it had timed when a signal ended it, marked as partial', async (context) => {
    if (!device.traits.timestamps) context.skip('the adapter has no timestamp-query');
    const path = join(directory, 'partial.json');
    const flags = ['--model', 'weights/tales', '--filter', 'kv_write tokens', '--runs', '50', '--json', path];
    const child = spawn(process.execPath, ['bench/kernels.ts', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit');
    let stdout = '';
    for await (const data of child.stdout) {
      stdout += data;
      if (!child.killed && stdout.includes('\nkv_write')) child.kill('SIGINT');
    }
    expect(await exit).toEqual([130, null]);
    const { partial, kernels } = await readReport(path);
    expect(partial).toBe(true);
    expect(kernels.length).toBe(stdout.split('\nkv_write').length - 1);
  });

  test('says that nothing has run yet when a signal ended it before the first row', async () => {
    const path = join(directory, 'nothing.json');
    const flags = ['--model', 'weights/tales', '--filter', 'kv_write', '--json', path];
    const child = spawn(process.execPath, ['bench/kernels.ts', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    const exit = once(child, 'exit');
    const stderr = text(child.stderr);
    child.stdout.once('data', () => child.kill('SIGTERM')); // its first line is about the model
    expect(await exit).toEqual([143, null]);
    expect(await stderr).toContain(`--json: nothing has run yet, so ${JSON.stringify(path)} is not written`);
    await expect(readReport(path)).rejects.toThrow('ENOENT');
  });

  test('measures the adapter, prints a line a variant and writes the same numbers to the JSON file', async (context) => {
    if (!device.traits.timestamps) context.skip('the adapter has no timestamp-query');
    const [path, page] = [join(directory, 'out.json'), join(directory, 'out.html')];
    const flags = ['--filter', 'kv_write tokens M=4', '--runs', '2'];
    const { status, stdout, stderr } = bench(...flags, '--json', path, '--report', page);
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^model: weights\/tales \(f16, KV f32\) · adapter .* · reduction \w+$/);
    expect(lines[1]).toMatch(
      /^this adapter at best: [\d.]+ GB\/s read, [\d.]+ Gwords\/s loaded, [\d.]+ GFLOP\/s in multiply-adds, [\d.]+ µs a dispatch$/,
    );
    expect(lines[3]).toMatch(/^kernel +case +M +ms +GFLOP\/s +GB\/s +roofline +variant$/);
    const rows = lines.slice(4);
    const number = String.raw`[\d.]+`;
    for (const row of rows) {
      expect(row).toMatch(new RegExp(`^kv_write +tokens +4 +(${number} +){4}%   \\[LANES=\\d+\\]$`));
    }

    const { schema, partial, meta, roofline, kernels } = await readReport(path);
    expect({ schema, partial }).toEqual({ schema: 'roseinfer-kernels-1', partial: false });
    expect(meta).toMatchObject({ model: 'weights/tales', dtype: 'f16', kv_dtype: 'f32', args: { runs: 2 } });
    expect(kernels.map(({ variant }) => variant).sort()).toEqual(
      [8, 32, 64].map((lanes) => `kv_write[LANES=${lanes}]`).sort(),
    );
    expect(rows.length).toBe(kernels.length);
    expect(kernels.at(-1)!.best).toEqual(roofline);
    for (const { ms, gflops, gigabytes, roofline: share, best } of kernels) {
      // Four tokens of k and v, 256 channels each, read and written.
      const bytes = 4 * 2 * 256 * 4 * 2;
      expect(gigabytes).toBeCloseTo((1e-6 * bytes) / ms.median, 9);
      expect(share).toBeCloseTo(gigabytes! / best.gigabytes!, 9);
      expect(gflops).toBe(0);
    }
    expect(await readFile(page, 'utf8')).toContain(kernels[0]!.variant.slice('kv_write'.length));
    // The model writes keys and values in its projection.
    expect(kernels.filter(({ usedByModel }) => usedByModel)).toEqual([]);
  });

  test.each<[flags: string[], message: unknown, code?: number]>([
    [['--runs', '0'], '--runs is 0, expected an integer from 1 to 2147483647', 2],
    [['--json', 'nowhere/out.json'], '--json is "nowhere/out.json" (ENOENT), expected a file that can be written'],
    [['--json', 'weights/tales/config.json'], expect.stringContaining('expected another file than --model names'), 2],
    [['--report', 'package.json'], '--report is "package.json", which exists; expected a new file, or --overwrite'],
    [['--filter', 'abacus'], expect.stringMatching(/^--filter is "abacus", expected part of /), 2],
    [['--adapter', 'abacus'], expect.stringMatching(/^no adapter named like "abacus"; there are: \w/)],
  ])('refuses %j with one line, and 2 where a value is wrong', (flags, message, code = 1) => {
    const { status, stderr } = bench(...flags);
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: code, errors: [message] });
  });
});
