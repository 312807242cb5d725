// JSON reports: their origin, the file that they replace, and the commit that they name.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reportJson } from '../../../bench/closed-loop/json-report.ts';
import { reportMode } from '../../../bench/closed-loop/mode-report.ts';
import { benchScript } from '../../../bench/load/args.ts';
import { writeJson } from '../../../bench/report/json-file.ts';
import { readCommit } from '../../../bench/report/meta.ts';
import { cardIdentity } from '../../support/gpu/adapter-identity.ts';
import { argsOf } from '../args-of.ts';
import { testResponse, testRun } from '../runs.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-json-'));
});

afterAll(() => rm(directory, { recursive: true }));

describe('reportJson', () => {
  test('says where the numbers come from and has every mode', () => {
    const args = argsOf(benchScript, '--seed', '7', '--do-sample');
    const report = reportMode(testRun([testResponse({ tokenTimes: [100] })]));
    const fallbacks = [{ variant: 'matmul[ROWS=8]', base: 'matmul[ROWS=1]' }];
    const provenance = {
      args,
      adapter: cardIdentity,
      fallbacks,
      model: 'weights/tales',
      dtype: 'f16',
      commit: null,
      isPartial: false,
    };
    const json: unknown = JSON.parse(JSON.stringify(reportJson(new Map([['online', report]]), provenance)));
    expect(json).toEqual({
      schema: 'roseinfer-benchmark-1',
      partial: false,
      meta: {
        date: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        adapter: 'card',
        driver: 'driver 1',
        reduction: 'gpu',
        cpu: expect.any(String),
        os: expect.any(String),
        node: process.versions.node,
        webgpu: '0.6.2',
        commit: null,
        args: expect.objectContaining({ seed: 7, 'do-sample': true, 'num-requests': 16, mode: 'all' }),
        seed: 7,
        model: 'weights/tales',
        dtype: 'f16',
        fallbacks,
      },
      modes: {
        online: {
          requests: 1,
          failed: 0,
          elapsed_s: 0.1,
          prompt_tokens: 4,
          completion_tokens: 1,
          throughput_completion: 10,
          throughput_total: 50,
          decode_tokens_per_s: null,
          ttft_ms: { mean: 100, p50: 100, p99: 100 },
          tpot_ms: null,
          itl_ms: null,
          e2e_ms: { mean: 100, p50: 100, p99: 100 },
          rounds: [expect.objectContaining({ elapsed_s: 0.1, throughput_completion: 10 })],
          per_request: [
            {
              prompt_tokens: 4,
              ids: [1],
              seed: 5,
              finish_reason: 'length',
              error: null,
              ttft_ms: 100,
              tpot_ms: null,
              itls_ms: [],
              e2e_ms: 100,
            },
          ],
        },
      },
    });
  });
});

describe('writeJson', () => {
  test('replaces the file', async () => {
    const path = join(directory, 'out.json');
    await writeFile(path, 'something longer than the value');
    await writeJson(path, { value: 1 });
    expect(await readFile(path, 'utf8')).toBe('{"value":1}\n');
    await expect(writeJson(directory, {})).rejects.toThrow('(EISDIR)');
  });
});

describe('readCommit', () => {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: directory, encoding: 'utf8' }).trim();

  test('is the commit of a checkout, and null below its top, where the commit may be another project’s', async () => {
    expect(await readCommit(directory)).toBeNull();
    git('init', '--quiet');
    git('-c', 'user.name=test', '-c', 'user.email=test', 'commit', '--quiet', '--allow-empty', '--message', 'first');
    await mkdir(join(directory, 'package'));
    expect(await readCommit(directory)).toBe(git('rev-parse', 'HEAD'));
    expect(await readCommit(join(directory, 'package'))).toBeNull();
  });
});
