// The doctor on a small model: all well on a sound adapter, and faults planted in kernels are named with variant and
// element.
// @module-tag sweep
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KernelReport } from '../../src/doctor/judge.ts';
import { runDoctor } from '../../src/doctor/run-doctor.ts';
import { workOf } from '../../src/doctor/subject.ts';
import { formatKernel } from '../../src/doctor/text-report.ts';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { examinations } from '../../src/kernels/examinations.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import type { ModelDefinition } from '../../src/models/architecture.ts';
import { linear } from '../../src/models/blocks.ts';
import { type ModelKernels, modelKernels } from '../../src/models/kernels.ts';
import { parseModel } from '../../src/models/registry.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { directoryWithMore } from '../support/models/checkpoint-directory.ts';
import { errorsIn, runNode } from '../support/run-node.ts';
import { FAULTS, type Fault, MORE_FAULTS, SPLIT_AND_FOLD, untuned } from './faults.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** A small model with contexts of several splits. Its heads have the bundled model's width, so the two share shaders. */
const config = { n_layer: 1, n_head: 2, n_embd: 128, n_inner: 100, vocab_size: 331, n_positions: 1024 };
const model = parseModel(config, 'small');

/** A model with one more matmul, whose activation the small one lacks. */
const withGate: ModelDefinition = {
  ...model,
  layers(step, weights, shape) {
    model.layers(step, weights, shape);
    const [x, out] = [step.scratch('normed'), step.scratch('mlp')];
    const rows = (tensor: Tensor) => tensor.prefix([shape.numTokens, ...tensor.shape.slice(1)]);
    linear(step, null, rows(x), weights.linear('h.0.mlp.c_fc'), rows(out), { use: 'gate', epilogue: 'RELU' });
  },
};

function doctorOn(
  kernels: Partial<ModelKernels>,
  { storage = 'f16', of = model }: { readonly storage?: WeightDType; readonly of?: ModelDefinition } = {},
) {
  return runDoctor({ device, kernels: { ...modelKernels, ...kernels }, model: of, storage, kvDtype: 'f32' });
}

async function examine(...subject: Parameters<typeof doctorOn>): Promise<KernelReport[]> {
  const reports: KernelReport[] = [];
  for await (const report of doctorOn(...subject)) reports.push(report);
  return reports;
}

/** Report of one kernel, by a run that ends there. */
async function reportOf(name: string, kernels: Partial<ModelKernels>, of = model): Promise<KernelReport> {
  for await (const report of doctorOn(kernels, { of })) if (report.kernel === name) return report;
  throw new Error(`there is no report of ${name}`);
}

/** Verdicts other than ok, by kernel. */
async function findings(kernels: Partial<ModelKernels>) {
  const reports = await examine(kernels);
  return Object.fromEntries(reports.flatMap(({ kernel, verdict }) => (verdict === 'ok' ? [] : [[kernel, verdict]])));
}

describe('doctor', () => {
  test('says what it did not run', () => {
    const report = {
      kernel: 'matmul_kv_write',
      numVariants: 0,
      numRuns: 0,
      worst: null,
      faults: [],
      cases: [],
      verdict: 'ok',
    } as const;
    expect(formatKernel(report)).toMatch(/^matmul_kv_write +0 +0 {2}not run: the model does not use it$/);
  });

  test('says that all is well where it is', async () => {
    const reports = await examine({});
    expect(reports.filter(({ faults }) => faults.length > 0)).toEqual([]);
    expect(reports.map(({ kernel }) => kernel).sort()).toEqual(
      [
        ...Object.values(modelKernels)
          .map(({ name }) => name)
          .filter((name) => !SPLIT_AND_FOLD.includes(name) || name === 'attention'),
        SPLIT_AND_FOLD,
      ].sort(),
    );
    for (const { worst } of reports) if (worst) expect(worst.error).toBeLessThan(worst.tolerance);
  });

  test('finds weights in bytes right, and a scale that is left out', { tags: ['slow'] }, async () => {
    const reports = await examine({}, { storage: 'q8' });
    expect(reports.filter(({ faults }) => faults.length > 0)).toEqual([]);
    const matmul = mutant(untuned(modelKernels.matmul), [
      ['signed_bytes(words, 0u) * scale', 'signed_bytes(words, 0u)'],
    ]);
    const wrong = (await examine({ matmul }, { storage: 'q8' })).filter(({ verdict }) => verdict === 'wrong');
    expect(wrong.map(({ kernel }) => kernel)).toEqual(['matmul']);
  });

  async function expectFound(faults: readonly Fault[]): Promise<void> {
    const kernels = faults.map(({ planted }) => planted());
    const wrong = faults.map(({ kernel }) => [kernel, 'wrong'] as const);
    expect(await findings(Object.assign({}, ...kernels))).toEqual(Object.fromEntries(wrong));
  }

  // A run examines all kernels: it has several faults, each in a kernel of its own.
  for (const run of [0, 1, 2]) {
    const faults = FAULTS.filter((_, i) => i % 3 === run);
    const names = faults.map(({ fault, kernel }) => `${fault} in ${kernel}`);
    test(`finds ${names.join(', ')}, and nothing elsewhere`, () => expectFound(faults));
  }
  test.each(MORE_FAULTS)('finds $fault in $kernel and nothing elsewhere', { tags: ['slow'] }, (one) =>
    expectFound([one]),
  );

  test('takes its cases from the layers of the model: a further matmul is examined by its place', async () => {
    const activation = (shaderSources().activation ?? '').replace('max(x, 0.0)', 'max(x, 0.5)');
    const matmul = untuned(defineKernel({ ...modelKernels.matmul.spec, modules: { activation } }));
    expect(await findings({ matmul })).toEqual({});
    const report = await reportOf('matmul', { matmul }, withGate);
    expect(report.verdict).toBe('wrong');
    for (const { message } of report.faults)
      expect(message).toMatch(/^gate, 9 × 128 · 128 × 100: element \d+ is 0\.5,/);
  });

  test('examines the write of keys and values also where a matmul takes it over, and that matmul only there', () => {
    const casesOf = (n_head: number) => {
      const heads = parseModel({ n_layer: 1, n_head, n_embd: 32, vocab_size: 331, n_positions: 64 }, 'heads');
      const work = workOf({ device, kernels: modelKernels, model: heads, storage: 'f32', kvDtype: 'f32' });
      return Object.fromEntries([...examinations(work)].map(({ name, cases }) => [name, [...cases].length]));
    };
    expect(casesOf(2)).toMatchObject({ matmul_kv_write: 2, kv_write: 1 });
    // Heads of 2 channels don't fill the rows of the cache.
    expect(casesOf(16)).toMatchObject({ matmul_kv_write: 0, kv_write: 1 });
  });

  test('names what is wrong: variant, element, what is there and what was expected', async () => {
    const gatherRows = mutant(modelKernels.gatherRows, [['global.x] = x[', 'global.x] = 0.5 + 0.0 * x[']]);
    const report = await reportOf('gather_rows', { gatherRows });
    expect(report.faults).toEqual([
      {
        variant: expect.stringMatching(/^gather_rows\[LANES=\d+\]$/),
        isBase: true,
        usedByModel: true,
        message: expect.stringMatching(/^5 of 9 rows of 128: element \d+ is 0\.5, expected -?[\d.]+$/),
      },
    ]);
  });

  test('tells variants to avoid from those that the model needs', async () => {
    const tuned = mutant(modelKernels.kvWrite, [
      ['let g = workgroup.x;', 'let g = select(workgroup.x, 0u, LANES == 64u);'],
    ]);
    const report = await reportOf('kv_write', { kvWrite: tuned });
    expect(report).toMatchObject({
      verdict: 'avoid',
      faults: [{ variant: 'kv_write[LANES=64]', isBase: false, usedByModel: false }],
    });
  });

  test('takes a variant that the driver refuses for a fault of the variant', async () => {
    const refused = mutant(modelKernels.kvWrite, [['let g = workgroup.x;', 'let g = workgroup.w;']]);
    const report = await reportOf('kv_write', { kvWrite: refused });
    expect(report).toMatchObject({ verdict: 'wrong', faults: [{ isBase: true }, {}, {}] });
  });
});

describe('roseinfer doctor', () => {
  const doctor = (argv: readonly string[], env: Record<string, string> = {}) =>
    runNode(['src/cli/roseinfer.js', 'doctor', ...argv], { env });

  test('is among the commands', () => {
    const { stdout } = runNode(['src/cli/roseinfer.js', '--help']);
    expect(stdout).toMatch(/roseinfer doctor +check the adapter and every kernel on it/);
  });

  test('prints the machine and a line for each kernel of the bundled model, and ends with 0', () => {
    const { status, stdout, stderr } = doctor([]);
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    expect(stdout).toMatch(/^roseinfer [\d.]+ · Node [\d.]+ · webgpu [\d.]+ · \w+ \w+.*\nbackends tried: \w+ \(.*\)\n/);
    expect(stdout).toMatch(/^adapter: .*\ndriver: .*\nreduction: \w+\nfeatures: .*\nmaxBufferSize: \d+\n/m);
    expect(stdout).toContain('model: weights/tales · L 6, H 4, D 64, C 256, F 1024, V 8192 · weights f16, KV f32\n');
    for (const { name } of Object.values(modelKernels)) expect(stdout).toContain(name);
    expect(stdout).toMatch(/\n\nall is well\n$/);
  });

  test('prints the same as one JSON object, and on stderr what the model does not use', () => {
    const dir = directoryWithMore({ ...config, n_positions: 64 });
    const { status, stdout, stderr } = doctor(['--json', '--model', dir]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'roseinfer-doctor-1',
      machine: {
        node: process.versions.node,
        adapter: { reduction: device.traits.reduction, limits: { maxBufferSize: expect.any(Number) } },
      },
      model: { name: dir, dtype: 'f16', kvDtype: 'f32', config: { hiddenSize: 128 } },
      avoid: [],
    });
    expect(stderr.split('\n')).toContain(`${dir}: 1 tensor is of no use to the model: "position_ids"`);
  });

  test('says which backends it tried where no adapter answers, and ends with 1', () => {
    const { status, stdout, stderr } = doctor([], { VK_DRIVER_FILES: '/nowhere' });
    expect(status).toBe(1);
    expect(stdout).toMatch(/^backends tried: \w+ \(no adapter\)\nVK_DRIVER_FILES=\/nowhere\nadapter: none$/m);
    expect(errorsIn(stderr)).toEqual([expect.stringMatching(/^no WebGPU adapter answered/)]);
  });
});
