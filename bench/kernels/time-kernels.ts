// Timing of the cases, a variant at a time: its operands are on the device only meanwhile.
import type { Device } from '../../src/gpu/device.ts';
import type { NamedVariant } from '../../src/gpu/kernel-variants.ts';
import { type Roofline, shareOfRoofline } from '../../src/timing/roofline.ts';
import { time } from '../../src/timing/time.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { ratio } from '../../src/util/figures.ts';
import { pollSlowly } from '../common/slow-polling.ts';
import type { KernelCase, TimedModel } from './case.ts';
import { kernelCases } from './cases.ts';
import type { KernelResult } from './report.ts';

/** Variant of a kernel at one size. */
export interface Candidate {
  readonly case: KernelCase;
  readonly variant: NamedVariant;
}

/**
 * Lists the variants of every kernel at the model's shapes whose `<kernel> <case> M=<M> <variant>` contains the filter.
 *
 * @throws RangeValueError when there is none.
 */
export function selectCandidates(timed: TimedModel, filter: string): Candidate[] {
  const all = kernelCases(timed).flatMap((one) => one.variants.map((variant) => ({ case: one, variant })));
  const chosen = all.filter(({ case: { kernel, name, M }, variant }) =>
    `${kernel.name} ${name} M=${M} ${variant.label}`.includes(filter),
  );
  if (chosen.length > 0) return chosen;
  throw new RangeValueError('--filter', filter, 'part of "matmul qkv M=8 matmul[W_F16 ROWS=8 …]" or the like');
}

/** Dispatches before those that count. */
const WARM_UPS = 2;

/** Times a variant over `runs` dispatches. @throws GpuError or DeviceLostError when the device fails. */
export async function timeCandidate(
  device: Device,
  { case: { kernel, name, M, prepare }, variant }: Candidate,
  { runs, best }: { readonly runs: number; readonly best: Roofline },
): Promise<KernelResult> {
  using owned = new DisposableStack();
  const { choice, label, isBase, usedByModel } = variant;
  const { tensors, scalars, cost: known } = prepare(owned, choice);
  const options = { choice, runs, warmUps: WARM_UPS };
  const { milliseconds } = await pollSlowly(device.traits, () => time(device, kernel, tensors, scalars, options));
  const cost = known ?? kernel.dispatch(device, tensors, scalars, choice).cost;
  return {
    kernel: kernel.name,
    case: name,
    M,
    variant: label,
    isBase,
    usedByModel,
    ms: milliseconds,
    gflops: cost && ratio(1e-6 * cost.flops, milliseconds.median),
    gigabytes: cost && ratio(1e-6 * cost.bytes, milliseconds.median),
    roofline: cost && shareOfRoofline(cost, milliseconds.median, best),
    best,
  };
}
