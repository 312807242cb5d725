// Check of a kernel by what is right and by its own variants: what a stranger's shader is tried on before it is trusted.
import { checkDevice } from '../gpu/check-device.ts';
import type { Device } from '../gpu/device.ts';
import { KernelError } from '../gpu/errors.ts';
import { Kernel } from '../gpu/kernel.ts';
import type { KernelSpec, ScalarsOf } from '../gpu/kernel-spec.ts';
import { mergeChoice } from '../gpu/merge-choice.ts';
import { type Scalars, withDefaults, withPackedConditions } from '../gpu/operands.ts';
import type { TensorData } from '../gpu/tensor-data.ts';
import { RangeValueError } from '../util/errors.ts';
import {
  type CheckOptions,
  type ResolvedOptions,
  type RunOptions,
  resolveOptions,
  resolveRunOptions,
} from './check-options.ts';
import { type CheckReport, KernelCheckError } from './check-report.ts';
import { CheckRun } from './check-run.ts';
import { type CheckedOperand, hostOperands } from './host-operands.ts';
import { benchOf } from './test-places.ts';
import { metaOf, type Subject } from './variant-plan.ts';

/** Operands of any kernel. */
type AnyOperands = Readonly<Record<string, CheckedOperand | undefined>>;

/** Operands of a check by name; outputs of which the inputs determine the shape may be left out. */
export type CheckedOperands<S extends KernelSpec> = { readonly [K in keyof S['bindings']]?: CheckedOperand };

/**
 * Checks a kernel: its outputs must be within the bound of what is right, and have the same bits in every variant, in every run, in
 * every order of its lanes and at every size of subgroups; no word beside an output may be written, and no element left out.
 *
 * @param operands arrays, `{ data, shape }`, tensors or packed matrices, by name. An output starts as garbage unless it has data.
 * @param scalars as `kernel.run`.
 * @returns the report of a kernel that is right.
 * @throws KernelCheckError, which has the report and a line for each fault; KernelError, TensorError and RangeValueError for operands
 * and options that are none; ShaderError when the base variant does not compile; DeviceLostError.
 *
 * @example A kernel that forgets the last elements
 * ```ts
 * import { defineKernel, openDevice, read, write } from 'roseinfer/kernels';
 * import { checkKernel } from 'roseinfer/testing';
 *
 * const double = defineKernel({
 *   name: 'double',
 *   source:
 *     '@group(0) @binding(0) var<storage, read> x: array<f32>;' +
 *     '@group(0) @binding(1) var<storage, read_write> y: array<f32>;' +
 *     '@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {' +
 *     '  if (id.x < params.N) { y[id.x] = 2 * x[id.x]; } }',
 *   bindings: { x: read('N'), y: write('N') },
 *   params: { N: 'u32' },
 *   workgroups: ({ N }) => [Math.max(Math.floor(N / 64), 1), 1, 1],
 * });
 * using device = await openDevice();
 * const x = Float32Array.from({ length: 100 }, (_, i) => i);
 * const reference = ({ x }: { x: Float32Array }) => ({ y: x.map((value) => 2 * value) });
 * await checkKernel(device, double, { x }, {}, { reference }).catch((error) => console.log(error.message));
 * ```
 */
export async function checkKernel<S extends KernelSpec>(
  device: Device,
  kernel: Kernel<S>,
  operands: CheckedOperands<S>,
  scalars: ScalarsOf<S>,
  options: CheckOptions<S>,
): Promise<CheckReport> {
  const report = await examineKernel(device, kernel, operands, scalars, options);
  if (!report.passes) throw new KernelCheckError(report);
  return report;
}

/**
 * Checks a kernel as `checkKernel`, and returns the report of a wrong one, too.
 *
 * @throws as `checkKernel`, but for KernelCheckError.
 */
export async function examineKernel<S extends KernelSpec>(
  device: Device,
  kernel: Kernel<S>,
  operands: CheckedOperands<S>,
  scalars: ScalarsOf<S>,
  options: CheckOptions<S>,
): Promise<CheckReport> {
  return await examineAny(device, kernel, operands, scalars, options);
}

/**
 * Runs one variant of a kernel between guard words.
 *
 * @param operands as `checkKernel`.
 * @returns each output by name, f16 as Float16Array.
 * @throws KernelCheckError when a word beside an output was written, or runs differ; as `examineKernel`.
 */
export async function runGuarded<S extends KernelSpec>(
  device: Device,
  kernel: Kernel<S>,
  operands: CheckedOperands<S>,
  scalars: ScalarsOf<S>,
  options: RunOptions<S> = {},
): Promise<Readonly<Record<string, TensorData>>> {
  return await runAny(device, kernel, operands, scalars, options);
}

async function examineAny(
  device: Device,
  kernel: Kernel,
  operands: AnyOperands,
  scalars: Scalars,
  options: CheckOptions,
): Promise<CheckReport> {
  const resolved = resolveOptions(options, outputsOf(device, kernel));
  const subject = await subjectOf(device, kernel, operands, scalars, resolved);
  const first = kernel.base(device.traits, subject.choice);
  return await new CheckRun({ ...subject, first }, benchOf(device), resolved).report();
}

async function runAny(
  device: Device,
  kernel: Kernel,
  operands: AnyOperands,
  scalars: Scalars,
  options: RunOptions,
): Promise<Readonly<Record<string, TensorData>>> {
  outputsOf(device, kernel);
  const resolved = resolveRunOptions(options);
  const subject = await subjectOf(device, kernel, operands, scalars, resolved);
  const first = kernel.variant(device.traits, subject.choice);
  const run = new CheckRun({ ...subject, first }, benchOf(device), resolved);
  const report = await run.report();
  if (!report.passes) throw new KernelCheckError(report);
  return run.outputs();
}

/** Names of the outputs of what may be no kernel. @throws RangeValueError; KernelError for a kernel without outputs; DeviceLostError. */
function outputsOf(device: Device, kernel: Kernel): string[] {
  if (!(kernel instanceof Kernel)) throw new RangeValueError('kernel', kernel, 'what defineKernel makes');
  checkDevice(device);
  device.throwIfFailed();
  const { spec } = kernel;
  const outputs = Object.entries(spec.bindings).flatMap(([name, { access }]) =>
    access === 'read_write' ? [name] : [],
  );
  if (outputs.length === 0) throw new KernelError(spec.name, 'writes no tensor: there is nothing to check');
  return outputs;
}

async function subjectOf(
  device: Device,
  kernel: Kernel,
  operands: AnyOperands,
  scalars: Scalars,
  { choice, reference }: ResolvedOptions,
): Promise<Omit<Subject, 'first'>> {
  const { spec } = kernel;
  const { constants } = mergeChoice(spec, device.traits, choice);
  const known = { ...constants, ...withDefaults(spec, scalars) };
  const host = await hostOperands(spec, operands, known, reference === null ? device : null);
  return { device, kernel, operands: host, scalars, choice: withPackedConditions(spec, metaOf(host), choice) };
}
