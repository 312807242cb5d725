// Reasons that several kernels' survivors have in common, and the form of a table of reasons.

/** Faults, matched against `operator: line → line with the fault`, and why they survive. */
export type Reasons = readonly (readonly [fault: RegExp, reason: string])[];

/** Reasons by shader. */
export interface SurvivorTable {
  /** No input within the kernel's contract tells these from the shader. */
  readonly equivalent: Readonly<Record<string, Reasons>>;
  /** Faults that these adapters, or the rows of the tables, hide. */
  readonly missed: Readonly<Record<string, Reasons>>;
}

export const SAME_LANES = 'all lanes hold the same, and would write the same';
export const MASKED_READ = 'reads after a row are masked, and nothing computed of them is written';
export const ROUNDING = 'weights are rounded by 2^-31 in place of 2^-32, within the tolerance';
export const NO_ORDER = 'maxima, and sums of integers, have no order';
export const CLAMPED = 'an index off the end is clamped, to an element that holds the same or is written again';
export const WRITTEN = 'every element is written before it is read';
export const REDUNDANT = 'the rest of the condition says the same';
export const IN_ORDER =
  'subgroups run one after another here, up to a barrier; seen where a later one overtakes the first';
