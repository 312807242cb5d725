// Measurement of the fastest variant of a kernel at some sizes: only one with the base variant's bits is timed.
import type { Device } from '../gpu/device.ts';
import type { Dims, Variant, VariantChoice } from '../gpu/kernel-spec.ts';
import { overlay } from '../gpu/overlay.ts';
import { time } from '../timing/time.ts';
import { filterEntries } from '../util/filter-entries.ts';
import { outputBits, sameBits } from './output-bits.ts';
import type { Tunable } from './tunables.ts';

/** Word of the outputs before: the bits of a NaN, so that what a variant leaves out is seen. */
const UNWRITTEN = 0xffffffff;
/** Dispatches of a candidate that are timed, and before them. */
const MEASUREMENT = { runs: 5, warmUps: 1 };
/** Part of the prior's time below which a candidate takes its place: less of a gain is noise. */
const WORTHWHILE = 0.95;

/**
 * Measures which candidate is the fastest at some sizes. One is timed only when its outputs have the bits of the base
 * variant's, which needs no optional feature.
 *
 * @param deadline by `performance.now()`; a compilation that has begun by then is waited for.
 * @returns a candidate, or the base variant when no candidate has its bits; null when time was up before all were measured.
 * @throws GpuError or DeviceLostError when the device fails.
 */
export async function tuneKernel(
  device: Device,
  tunable: Tunable,
  sizes: Dims,
  deadline: number = Number.POSITIVE_INFINITY,
): Promise<VariantChoice | null> {
  const isLate = () => performance.now() >= deadline;
  if (isLate()) return null;
  using owned = new DisposableStack();
  const { kernel, fixed } = tunable;
  const operands = tunable.prepare(owned, sizes);
  const { tensors, scalars, outputs } = operands;
  const base = kernel.base(device.traits, fixed);

  const before = outputs.map((output) => new Uint32Array(output.length).fill(UNWRITTEN));
  const want = await outputBits(device, kernel, operands, base, before);
  const times: { readonly choice: VariantChoice; readonly milliseconds: number }[] = [];
  for (const choice of tunable.candidates(sizes)) {
    if (isLate()) return null;
    const variant = overlay(choice, fixed);
    if (!sameBits(await outputBits(device, kernel, operands, variant, before), want)) continue;
    const { milliseconds } = await time(device, kernel, tensors, scalars, { choice: variant, ...MEASUREMENT });
    times.push({ choice, milliseconds: milliseconds.median });
  }
  const [prior, ...others] = times;
  if (prior === undefined) return choiceOf(base, kernel.variant(device.traits, fixed));
  const best = others.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a), prior);
  return best.milliseconds < WORTHWHILE * prior.milliseconds ? best.choice : prior.choice;
}

/** Returns the choice that makes a variant of the defaults. */
export function choiceOf(variant: Variant, defaults: Variant): VariantChoice {
  const differing = <T>(values: Readonly<Record<string, T>>, others: Readonly<Record<string, T>>) =>
    filterEntries(values, (name, value) => value !== others[name]);
  return {
    conditions: differing(variant.conditions, defaults.conditions),
    constants: differing(variant.constants, defaults.constants),
    overrides: differing(variant.overrides, defaults.overrides),
  };
}
