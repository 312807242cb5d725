// Variants of a kernel that a check runs, each with all that a dispatch of it needs.
import type { Device } from '../gpu/device.ts';
import { checkGrid } from '../gpu/grid.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Dims, Grid, KernelSpec, Variant, VariantChoice } from '../gpu/kernel-spec.ts';
import type { Operands, Scalars } from '../gpu/operands.ts';
import { overlay } from '../gpu/overlay.ts';
import { packParams } from '../gpu/pack-params.ts';
import { labelOf } from '../gpu/variant-label.ts';
import type { CheckedVariants } from './check-options.ts';
import type { HostOperand } from './host-operands.ts';
import type { TestPlace } from './test-places.ts';

/** A dispatch of a variant, but for its buffers and its shader's text. */
export interface VariantPlan {
  readonly label: string;
  readonly variant: Variant;
  readonly dims: Dims;
  readonly grid: Grid;
  readonly params: Uint32Array | null;
}

/** A variant that the kernel or its declaration refuses. */
export interface RefusedVariant {
  readonly label: string;
  readonly error: unknown;
}

/** A kernel with operands and what all variants of it share. */
export interface Subject {
  readonly device: Device;
  readonly kernel: Kernel;
  readonly operands: readonly HostOperand[];
  readonly scalars: Scalars;
  /** With the conditions of packed matrices. */
  readonly choice: VariantChoice;
  /** The variant that runs first, and whose bits others must have. */
  readonly first: Variant;
}

/** Shapes of operands, as a kernel solves its letters from. */
export function metaOf(operands: readonly HostOperand[]): Operands {
  return Object.fromEntries(operands.map(({ name, meta }) => [name, meta]));
}

/**
 * Plans the first variant.
 *
 * @throws KernelError for shapes, scalars or a grid that the kernel does not accept.
 */
export function planFirst(subject: Subject): VariantPlan {
  return plan(subject, subject.device.traits, subject.first);
}

/** Plans the variants that are asked for at a place, each once, without those that are planned already. */
export function planVariants(
  subject: Subject,
  { traits }: TestPlace,
  asked: CheckedVariants<KernelSpec>,
  known: readonly string[] = [],
): (VariantPlan | RefusedVariant)[] {
  const { kernel, choice } = subject;
  const choices: readonly VariantChoice[] = asked === 'all' ? kernel.variants(traits) : asked === 'base' ? [] : asked;
  const plans = new Map<string, VariantPlan | RefusedVariant>();
  for (const each of choices) {
    const variant = kernel.variant(traits, overlay(each, choice));
    const label = labelOf(kernel.name, variant);
    if (known.includes(label) || plans.has(label)) continue;
    try {
      plans.set(label, plan(subject, traits, variant));
    } catch (error) {
      plans.set(label, { label, error });
    }
  }
  return [...plans.values()];
}

function plan(subject: Subject, traits: TestPlace['traits'], variant: Variant): VariantPlan {
  const { device, kernel, operands, scalars } = subject;
  const { spec } = kernel;
  const { dims } = kernel.solve(traits, metaOf(operands), scalars, variant);
  const grid = spec.workgroups(dims, variant);
  const shaped = operands.map(({ name, dtype, meta }) => ({
    name,
    dtype,
    shape: meta.shape,
    binding: spec.bindings[name]!,
  }));
  checkGrid(spec.name, grid, shaped, device.gpu.limits.maxComputeWorkgroupsPerDimension);
  return { label: labelOf(spec.name, variant), variant, dims, grid, params: packParams(spec, dims) };
}
