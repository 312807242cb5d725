// The dispatches of a step on an adapter, one after another, with the sizes that their waits and their work follow from.
import type { DeviceTraits } from '../../src/gpu/device-traits.ts';
import type { Cost, Dims, KernelSpec, Variant } from '../../src/gpu/kernel-spec.ts';
import { linkShader } from '../../src/gpu/shader-linker.ts';
import { labelOf } from '../../src/gpu/variant-label.ts';
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import { workloadsOf } from '../../src/kernels/workloads.ts';
import type { StepSink } from '../../src/models/step.ts';
import { type ForwardParts, forward } from '../../src/runtime/forward.ts';
import type { RuntimeSizes } from '../../src/runtime/runtime-sizes.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { tokenShape } from '../common/step-shape.ts';
import { lanesOf } from './workgroup-lanes.ts';

/** A dispatch of a step. */
export interface Launch {
  /** Kernel and variant. */
  readonly label: string;
  readonly kernel: string;
  /** Its place in the model, such as `LM head`; null for a kernel that has one alone. */
  readonly use: string | null;
  readonly workgroups: number;
  /** Lanes of a workgroup. */
  readonly lanes: number;
  /** Shape letters, scalars, constants and overrides; conditions as 0 and 1. */
  readonly sizes: Dims;
  readonly cost: Cost;
}

/**
 * Lists the dispatches of a step that takes the most likely ids.
 *
 * @throws KernelError where the model and a kernel do not fit; RangeValueError for a kernel that declares no cost.
 */
export async function launchesOf(
  traits: DeviceTraits,
  parts: ForwardParts,
  sizes: RuntimeSizes,
  step: StepTokens,
): Promise<Launch[]> {
  const launches: Omit<Launch, 'lanes'>[] = [];
  const lanes = new Map<string, Promise<number>>();
  const sink: StepSink = {
    add(kernel, tensors, scalars, given, use) {
      const { variant, dims } = kernel.solve(traits, tensors, scalars, given);
      const label = labelOf(kernel.name, variant);
      if (!lanes.has(label)) {
        lanes.set(
          label,
          linkShader(kernel.spec, variant).then(({ wgsl }) => lanesOf(wgsl, variant.overrides)),
        );
      }
      launches.push({
        label,
        kernel: kernel.name,
        use: use ?? null,
        workgroups: kernel.spec.workgroups(dims, variant).reduce((all, size) => all * size),
        sizes: { ...dims, ...variant.overrides, ...flags(variant) },
        cost: costOf(kernel.spec, dims, variant, step),
      });
    },
  };
  const head = { logitsOfAll: step.queries === 1, adjustsLogits: false, masksLogits: false, reportsLogprobs: false };
  forward(sink, parts, { ...tokenShape(step, sizes), ...head });
  return Promise.all(launches.map(async (launch) => ({ ...launch, lanes: await lanes.get(launch.label)! })));
}

function flags({ conditions }: Variant): Dims {
  return Object.fromEntries(Object.entries(conditions).map(([name, holds]) => [name, Number(holds)]));
}

function costOf({ name, cost }: KernelSpec, dims: Dims, variant: Variant, step: StepTokens): Cost {
  const found = workloadsOf(name).cost?.(dims, step) ?? cost?.(dims, variant);
  if (found === undefined) throw new RangeValueError(`cost of ${name}`, found, 'a declared one');
  return found;
}
