// The examination of an adapter that any host with WebGPU can run, a browser's page too: every kernel of some models against
// float64 and bit by bit, then a few timings. Its report is plain JSON, to be compared with another machine's.
import type { KernelReport } from '../../src/doctor/judge.ts';
import { runDoctor } from '../../src/doctor/run-doctor.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { DeviceIdentity, DeviceTraits } from '../../src/gpu/device-traits.ts';
import type { ReductionClass } from '../../src/gpu/reduction.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { packWeight } from '../../src/kernels/weights/pack-weight.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { time } from '../../src/timing/time.ts';
import type { Timing } from '../../src/timing/timing.ts';
import { examinedModels } from './models.ts';

/** Results of the kernels of one model. */
export interface ModelResult {
  readonly name: string;
  readonly dtype: string;
  readonly kvDtype: string;
  readonly reduction: ReductionClass;
  readonly kernels: readonly KernelReport[];
}

/** Time of a kernel at one size. */
export interface TimingResult extends Timing {
  readonly what: string;
}

/** All that was found out about an adapter. */
export interface AdapterReport {
  readonly schema: 'roseinfer-adapter-1';
  readonly date: string;
  readonly agent: string;
  readonly device: DeviceIdentity;
  readonly traits: DeviceTraits;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly models: readonly ModelResult[];
  readonly timings: readonly TimingResult[];
  readonly seconds: number;
}

/** A step of the examination. */
export type ExamineEvent =
  | {
      readonly kind: 'device';
      readonly device: DeviceIdentity;
      readonly traits: DeviceTraits;
      readonly features: readonly string[];
    }
  | {
      readonly kind: 'model';
      readonly name: string;
      readonly dtype: string;
      readonly kvDtype: string;
      readonly reduction: ReductionClass;
    }
  | { readonly kind: 'kernel'; readonly report: KernelReport }
  | { readonly kind: 'timing'; readonly timing: TimingResult };

/** Rows of the timed matmuls. */
const TIMED_ROWS = [1, 8, 256];
/** Columns and sum of the timed matmuls: on a software adapter fewer. */
const TIMED_SIZE = { gpu: 2048, software: 256 };
const TIMED_RUNS = { gpu: 20, software: 3 };

/** Devices to examine, and how far. */
export interface ExamineOptions {
  /** Opens a device on the adapter in a reduction class; each is closed here. */
  readonly open: (reduction: ReductionClass) => Promise<Device>;
  /** `base` for the base variant of each kernel alone. */
  readonly variants?: 'all' | 'base';
  /** Receives each step. */
  readonly onEvent?: (event: ExamineEvent) => void;
}

/**
 * Examines an adapter.
 *
 * @throws DeviceLostError.
 */
export async function examine({ open, variants = 'all', onEvent = () => {} }: ExamineOptions): Promise<AdapterReport> {
  const begin = performance.now();
  const models: ModelResult[] = [];
  for (const { name, model, dtype, kvDtype, reduction } of examinedModels()) {
    using device = await open(reduction);
    if (models.length === 0) onEvent({ kind: 'device', ...factsOf(device) });
    onEvent({ kind: 'model', name, dtype, kvDtype, reduction });
    const kernels: KernelReport[] = [];
    const subject = { device, kernels: modelKernels, model, storage: dtype, kvDtype };
    for await (const report of runDoctor(subject, variants)) {
      if (report.numRuns === 0) continue;
      kernels.push(report);
      onEvent({ kind: 'kernel', report });
    }
    models.push({ name, dtype, kvDtype, reduction, kernels });
  }
  using device = await open('software');
  const timings: TimingResult[] = [];
  for await (const timing of timeMatmuls(device)) {
    timings.push(timing);
    onEvent({ kind: 'timing', timing });
  }
  return {
    schema: 'roseinfer-adapter-1',
    date: new Date().toISOString(),
    agent: navigator.userAgent,
    ...factsOf(device),
    limits: limitsOf(device.gpu.limits),
    models,
    timings,
    seconds: (performance.now() - begin) / 1000,
  };
}

/** Lists the kernels whose base variant, or one that a model takes, is wrong. */
export function wrongKernels({ models }: Pick<AdapterReport, 'models'>): string[] {
  return models.flatMap(({ name, kernels }) =>
    kernels.filter(({ verdict }) => verdict === 'wrong').map(({ kernel }) => `${kernel} of ${name}`),
  );
}

function factsOf({ identity, traits, gpu }: Device) {
  return { device: identity, traits, features: [...gpu.features].sort() };
}

/** Limits by name: getters of a class, which JSON would leave out. */
function limitsOf(limits: GPUSupportedLimits): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const name in limits) {
    const value: unknown = Reflect.get(limits, name);
    if (typeof value === 'number') numbers[name] = value;
  }
  return numbers;
}

async function* timeMatmuls(device: Device): AsyncGenerator<TimingResult, void> {
  const kind = device.traits.isSoftware ? 'software' : 'gpu';
  const [size, runs] = [TIMED_SIZE[kind], TIMED_RUNS[kind]];
  const values = Float32Array.from({ length: size * size }, (_, i) => Math.sin(i));
  using w = packWeight(device, 'w', values, [size, size], { dtype: 'f16' });
  using bias = Tensor.create(device, 'bias', 'f32', [size]);
  for (const M of TIMED_ROWS) {
    using x = Tensor.from(device, 'x', values.slice(0, M * size), [M, size]);
    using out = Tensor.create(device, 'out', 'f32', [M, size]);
    const timing = await time(device, matmul, { x, w, bias, out }, {}, { runs });
    yield { ...timing, what: `matmul ${M} × ${size} · ${size} × ${size}, f16` };
  }
}
