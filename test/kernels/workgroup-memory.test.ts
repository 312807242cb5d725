// Workgroup memory that an implementation fails to zero: WGSL promises zeros, some do not keep it. Each kernel runs on such a
// device, after one that leaves NaN, ones or large numbers in all of that memory.
// @module-tag sweep
import { afterEach, expect, test, vi } from 'vitest';
import { examinedModels } from '../../bench/page/models.ts';
import { runDoctor } from '../../src/doctor/run-doctor.ts';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel, Kernel } from '../../src/gpu/kernel.ts';
import { write } from '../../src/gpu/kernel-spec.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { type ModelKernels, modelKernels } from '../../src/models/kernels.ts';

/** Words of workgroup memory that every adapter has. */
const WORDS = 4096;
const GROUPS = 64;

afterEach(() => vi.restoreAllMocks());

/** A kernel that fills workgroup memory with a word. */
const poison = defineKernel({
  name: 'poison',
  source: `var<workgroup> memory: array<u32, ${WORDS}>;
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  for (var i = lane; i < ${WORDS}u; i += 64u) { memory[i] = params.word; }
  workgroupBarrier();
  if (lane == 0u) { y[group.x] = memory[(group.x * 61u) % ${WORDS}u]; }
}`,
  bindings: { y: write.u32(GROUPS) },
  params: { word: 'u32' },
  workgroups: () => [GROUPS, 1, 1],
});

/** Counts the words of workgroup memory that are not 0, as a kernel finds them. */
const peek = defineKernel({
  name: 'peek',
  source: `var<workgroup> memory: array<u32, ${WORDS}>;
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lane: u32) {
  var found = 0u;
  for (var i = lane; i < ${WORDS}u; i += 64u) { if (memory[i] != 0u) { found++; } }
  y[lane] = found;
  if (found > ${WORDS}u) { memory[lane] = found; }
}`,
  bindings: { y: write.u32(GROUPS) },
  workgroups: () => [1, 1, 1],
});

/** Names the kernels of the small Llama that are wrong, or give other bits than with zeroed memory, after a poison. */
async function wrongAfter(word: number, kernels: ModelKernels = modelKernels): Promise<string[]> {
  const [, examined] = examinedModels();
  if (examined === undefined) throw new Error('no model');
  const { model, dtype: storage, kvDtype, reduction } = examined;
  using device = await Device.open({ reduction, features: 'base', zeroWorkgroupMemory: false });
  using y = Tensor.create(device, 'y', 'u32', [GROUPS]);
  const run = Kernel.prototype.run;
  let runs = 0;
  vi.spyOn(Kernel.prototype, 'run').mockImplementation(async function (this: Kernel, ...args) {
    await Reflect.apply(run, poison, [device, { y }, { word }]);
    runs++;
    return Reflect.apply(run, this, args);
  });
  const wrong: string[] = [];
  for await (const { kernel, verdict } of runDoctor({ device, kernels, model, storage, kvDtype }, 'base')) {
    if (verdict !== 'ok') wrong.push(kernel);
  }
  vi.restoreAllMocks();
  expect(runs).toBeGreaterThan(20);
  return wrong;
}

test('a kernel finds what the one before it left, unless memory is zeroed', async ({ skip }) => {
  for (const zeroWorkgroupMemory of [true, false]) {
    using device = await Device.open({ zeroWorkgroupMemory });
    using y = Tensor.create(device, 'y', 'u32', [GROUPS]);
    let found = 0;
    for (let i = 0; i < 4; i++) {
      await poison.run(device, { y }, { word: 7 });
      await peek.run(device, { y }, {});
      found = Array.from(await y.read()).reduce((sum, count) => sum + count, 0);
    }
    if (zeroWorkgroupMemory) expect(found).toBe(0);
    else skip(found === 0, 'the adapter zeroes workgroup memory by itself');
  }
});

test.each([
  ['NaN', 0x7fc0dead],
  ['1', 1],
])('no kernel reads workgroup memory that it has not written: it holds %s', async (_, word) => {
  expect(await wrongAfter(word)).toEqual([]);
});

test('a kernel that does would be found', async ({ skip }) => {
  skip((await wrongAfter(1, withoutClearing('sample', 'sample_row'))).length === 0, 'the adapter zeroes it by itself');
  expect(await wrongAfter(0x7fc0dead, withoutClearing('sample', 'sample_row'))).toEqual(['sample']);
});

/** The kernels, one of them without the statements that clear workgroup memory. */
function withoutClearing(name: keyof ModelKernels, module: string): ModelKernels {
  const text = (shaderSources()[module] ?? '').replace(/for [^\n]*atomicStore\(&maxima\[i\], 0u\); \}/, '');
  const kernel = modelKernels[name];
  return { ...modelKernels, [name]: new Kernel({ ...kernel.spec, modules: { [module]: text } }) };
}
