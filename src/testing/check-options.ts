// Options of a check, with their defaults and checks.
import type { ChoiceOf, KernelSpec } from '../gpu/kernel-spec.ts';
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import { type Checks, checkOptions, count, oneOf } from '../util/option-checks.ts';
import { bounds } from './bounds.ts';
import type { Expectations, Reference } from './expectations.ts';
import { INPUT_VARIATIONS, type InputVariation } from './input-variations.ts';
import { LANE_ORDERS, type LaneOrder } from './lane-orders.ts';
import type { Limit } from './limit.ts';

/** Which variants of a kernel are run: all combinations of its tunables, the base variant alone, or some choices. */
export type CheckedVariants<S extends KernelSpec> = 'all' | 'base' | readonly ChoiceOf<S>[];

/** Runs of one variant of a kernel, which must agree in all bits. */
export interface RunOptions<S extends KernelSpec = KernelSpec> {
  /** The variant; the kernel's default for the device when absent. */
  readonly choice?: ChoiceOf<S> | undefined;
  /** Default: 1. */
  readonly runs?: number;
  /** Default: the order that lanes have. */
  readonly lanes?: readonly LaneOrder[];
  /** Default: `own`; `all` as `checkKernel` has it. */
  readonly subgroups?: 'all' | 'own';
  /** Names of other adapters to run on, as `openDevice` takes them. */
  readonly adapters?: readonly string[];
}

/** How a kernel is checked; one of `expect` and `reference` is needed. */
export interface CheckOptions<S extends KernelSpec = KernelSpec> {
  /** Right outputs, by name. */
  readonly expect?: Expectations;
  /** Computes the right outputs from the operands; with it, other inputs are tried, too. */
  readonly reference?: Reference;
  /** Largest error of every output, or of each by name; `bounds.exact` when absent. */
  readonly bound?: Limit | Readonly<Record<string, Limit>>;
  /** Default: `all`. Each is compared bit by bit with the base variant, where the kernel's `bits` does not say otherwise. */
  readonly variants?: CheckedVariants<S>;
  /** Choice that all variants share, such as the conditions of a storage type. */
  readonly choice?: ChoiceOf<S>;
  /** Runs of each, which must agree in all bits; default: 2. */
  readonly runs?: number;
  /** Orders of lanes; default: all. */
  readonly lanes?: readonly LaneOrder[];
  /** `all` (default): on lavapipe, with subgroups of 4, 8 and 16, in processes of their own; other adapters have one size. */
  readonly subgroups?: 'all' | 'own';
  /** Names of other adapters to run on, as `openDevice` takes them. */
  readonly adapters?: readonly string[];
  /** Inputs besides those given, where there is a reference: `auto` (default), `given` for none, or a list. */
  readonly inputs?: 'auto' | 'given' | readonly InputVariation[];
  /** Reading workgroup memory that was not written: a warning (default), a fault, or not looked for. WGSL zeroes that memory. */
  readonly workgroupMemory?: 'warning' | 'fault' | 'unchecked';
}

/** Options with their defaults. */
export interface ResolvedOptions {
  readonly expect: Expectations | null;
  readonly reference: Reference | null;
  readonly limitOf: (output: string) => Limit;
  readonly variants: CheckedVariants<KernelSpec>;
  readonly choice: ChoiceOf<KernelSpec>;
  readonly runs: number;
  readonly lanes: readonly LaneOrder[];
  readonly subgroups: 'all' | 'own';
  readonly adapters: readonly string[];
  readonly inputs: 'auto' | 'given' | readonly InputVariation[];
  readonly workgroupMemory: 'warning' | 'fault' | 'unchecked';
}

/** Checks of what runs of a kernel are compared with each other. */
const RUN_CHECKS = {
  choice: { expected: 'a choice of a variant', accepts: isRecord },
  runs: count,
  lanes: { expected: `a list of ${LANE_ORDERS.join(', ')}`, accepts: listOf(LANE_ORDERS) },
  subgroups: oneOf(['all', 'own']),
  adapters: {
    expected: 'a list of names of adapters',
    accepts: (value: unknown) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  },
} satisfies Checks<RunOptions>;

const CHECKS: Checks<CheckOptions> = {
  expect: { expected: 'right outputs by name', accepts: isRecord },
  reference: { expected: 'a function of the operands', accepts: (value) => typeof value === 'function' },
  bound: { expected: 'a bound, or bounds by output', accepts: (value) => value !== null && typeof value !== 'string' },
  variants: {
    expected: "'all', 'base' or a list of choices",
    accepts: (value) => value === 'all' || value === 'base' || (Array.isArray(value) && value.every(isRecord)),
  },
  ...RUN_CHECKS,
  inputs: {
    expected: `'auto', 'given' or a list of ${INPUT_VARIATIONS.join(', ')}`,
    accepts: (value) => value === 'auto' || value === 'given' || listOf(INPUT_VARIATIONS)(value),
  },
  workgroupMemory: oneOf(['warning', 'fault', 'unchecked']),
};

/**
 * Checks options and completes them.
 *
 * @throws RangeValueError for an unknown option or value, for none or both of `expect` and `reference`, and for a bound of an output
 * that the kernel does not have.
 */
export function resolveOptions(options: CheckOptions, outputs: readonly string[]): ResolvedOptions {
  checkOptions('options of checkKernel', options, CHECKS);
  const { expect, reference, bound } = options;
  if (expect === undefined && reference === undefined) {
    throw new RangeValueError('options of checkKernel', options, 'expect or reference: what is right?');
  }
  if (expect !== undefined && reference !== undefined) {
    throw new RangeValueError('options of checkKernel', options, 'expect or reference, not both: leave one out');
  }
  return {
    expect: expect ?? null,
    reference: reference ?? null,
    limitOf: limits(bound, outputs),
    variants: options.variants ?? 'all',
    choice: options.choice ?? {},
    runs: options.runs ?? 2,
    lanes: options.lanes ?? LANE_ORDERS,
    subgroups: options.subgroups ?? 'all',
    adapters: options.adapters ?? [],
    inputs: options.inputs ?? 'auto',
    workgroupMemory: options.workgroupMemory ?? 'warning',
  };
}

function limits(bound: CheckOptions['bound'], outputs: readonly string[]): (output: string) => Limit {
  if (bound === undefined) return () => bounds.exact;
  if (!isByOutput(bound, outputs)) return () => bound;
  const unknown = Object.keys(bound).find((name) => !outputs.includes(name));
  if (unknown !== undefined) throw new RangeValueError('bound of an output', unknown, `one of ${outputs.join(', ')}`);
  return (output) => bound[output] ?? bounds.exact;
}

function isByOutput(
  bound: NonNullable<CheckOptions['bound']>,
  outputs: readonly string[],
): bound is Readonly<Record<string, Limit>> {
  return isRecord(bound) && Object.keys(bound).some((name) => outputs.includes(name));
}

function listOf(names: readonly string[]): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.length > 0 && value.every((each) => names.includes(each));
}

/**
 * Checks the options of runs that are compared with nothing but each other, and completes them.
 *
 * @throws RangeValueError for an unknown option or value.
 */
export function resolveRunOptions(options: RunOptions): ResolvedOptions {
  checkOptions('options of runGuarded', options, RUN_CHECKS);
  return {
    expect: null,
    reference: null,
    limitOf: () => bounds.exact,
    variants: 'base',
    choice: options.choice ?? {},
    runs: options.runs ?? 1,
    lanes: options.lanes ?? ['given'],
    subgroups: options.subgroups ?? 'own',
    adapters: options.adapters ?? [],
    inputs: 'given',
    workgroupMemory: 'unchecked',
  };
}
