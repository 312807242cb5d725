import type { Device } from './device.ts';
import { GpuError } from './errors.ts';
import { BufferUsage } from './flags.ts';
import type { Dims } from './kernel-spec.ts';
import type { Program } from './program.ts';

/** GPU time of one dispatch. */
export interface KernelTime {
  /** Kernel and variant. */
  readonly label: string;
  /** Sizes, for the kernel's `cost`. */
  readonly dims: Dims;
  readonly nanoseconds: number;
}

/** GPU time of all dispatches of one variant. */
export interface KernelTotal {
  readonly label: string;
  readonly dispatches: number;
  readonly nanoseconds: number;
}

/** Queries that WebGPU lets a set have. */
const MAX_QUERIES = 4096;
/** Two for each dispatch, before and after. */
const DISPATCHES_PER_SET = MAX_QUERIES / 2;
const BYTES_PER_QUERY = 8;

/**
 * Runs a program once, with all its effects, and measures each dispatch in a pass of its own. What overlaps inside one pass
 * does not here, so the times may add up to more than the program takes.
 *
 * @returns one entry a dispatch, in the program's order.
 * @throws GpuError when the device has no timestamps or reports an error; DeviceLostError.
 */
export async function profile(device: Device, program: Program): Promise<KernelTime[]> {
  const label = `${program.label} (profile)`;
  if (!device.traits.timestamps) {
    throw new GpuError(
      label,
      'the device has no timestamps: the adapter lacks timestamp-query, or it was opened as base',
    );
  }
  const times: KernelTime[] = [];
  for (let first = 0; first < program.dispatches.length; first += DISPATCHES_PER_SET) {
    const dispatches = program.dispatches.slice(first, first + DISPATCHES_PER_SET);
    const stamps = await timestamps(device, label, program, first, dispatches.length);
    const measured = dispatches.map(({ label, dims }, i) => {
      return { label, dims, nanoseconds: Number(stamps[2 * i + 1]! - stamps[2 * i]!) };
    });
    times.push(...measured);
  }
  return times;
}

/** Times by label, the longest first. */
export function totalTimes(times: readonly KernelTime[]): KernelTotal[] {
  const totals = new Map<string, KernelTotal>();
  for (const { label, nanoseconds } of times) {
    const known = totals.get(label) ?? { label, dispatches: 0, nanoseconds: 0 };
    const { dispatches } = known;
    totals.set(label, { label, dispatches: dispatches + 1, nanoseconds: known.nanoseconds + nanoseconds });
  }
  return [...totals.values()].sort((a, b) => b.nanoseconds - a.nanoseconds);
}

/** Runs `count` dispatches from `first` on: nanoseconds before and after each. */
async function timestamps(
  device: Device,
  label: string,
  program: Program,
  first: number,
  count: number,
): Promise<BigUint64Array> {
  const size = 2 * count * BYTES_PER_QUERY;
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = BufferUsage;
  const resolved = device.createBuffer({ label, size, usage: QUERY_RESOLVE | COPY_SRC });
  const staging = device.createBuffer({ label, size, usage: COPY_DST | MAP_READ });
  const querySet = device.gpu.createQuerySet({ label, type: 'timestamp', count: 2 * count });
  try {
    await device.checked(label, () => {
      const encoder = device.gpu.createCommandEncoder({ label });
      for (let i = 0; i < count; i++) {
        const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
        const pass = encoder.beginComputePass({ label, timestampWrites });
        pass.setPipeline(program.dispatches[first + i]!.pipeline);
        program.encodeDispatch(pass, first + i);
        pass.end();
      }
      encoder.resolveQuerySet(querySet, 0, 2 * count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
      device.gpu.queue.submit([encoder.finish()]);
    });
    return new BigUint64Array((await device.map(staging, size)).slice(0));
  } finally {
    querySet.destroy();
    device.destroyBuffer(resolved);
    device.destroyBuffer(staging);
  }
}
