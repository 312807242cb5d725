// Cases of the kernel benchmark: the dispatches that the model lists, and the library's other kernels beside them. No kernel
// and no model is named here.
import type { Device } from '../../src/gpu/device.ts';
import type { Variant } from '../../src/gpu/kernel-spec.ts';
import { allVariants, type NamedVariant } from '../../src/gpu/kernel-variants.ts';
import { fixedChoice, type ModelDispatch, tunedChoices } from '../../src/kernels/examination.ts';
import type { Workload } from '../../src/kernels/kernel-workload.ts';
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import { workloadsOf } from '../../src/kernels/workloads.ts';
import { type KernelCase, type PreparedCase, SIZES, type TimedModel } from './case.ts';
import { atSizesOf, dispatchBeside, libraryKernels, scalarsOf } from './library.ts';
import { makeTensors } from './operands.ts';
import { listStep, timedSteps } from './steps.ts';

/** Dispatch of a step, or one beside it. */
interface TimedDispatch extends ModelDispatch {
  readonly step: StepTokens;
  readonly isOfModel: boolean;
}

/** Lists every kernel of the model and of the library at the model's shapes: kernel by kernel, case by case, fewer rows first. */
export function kernelCases(timed: TimedModel): KernelCase[] {
  const found = new Map<string, { readonly made: KernelCase; readonly isOfModel: boolean }>();
  for (const dispatch of timedDispatches(timed)) {
    const { kernel, step, isOfModel } = dispatch;
    for (const workload of workloadsOf(kernel.name).list(dispatch, step)) {
      const made = kernelCase(timed, dispatch, workload);
      const key = [kernel.name, made.name, made.M].join();
      const known = found.get(key);
      // Dispatches of one name and size differ in what costs no time: the range of a vocabulary, the step around them.
      if (!known || (isOfModel && !known.isOfModel)) found.set(key, { made, isOfModel });
    }
  }
  const cases = [...found.values()].map(({ made }) => made);
  const byKernel = [...Map.groupBy(cases, ({ kernel }) => kernel).values()];
  return byKernel.flatMap((ofKernel) => [...Map.groupBy(ofKernel, ({ name }) => name).values()].flat());
}

/** Lists the dispatches of each step of the model, each before those beside it. */
function timedDispatches(timed: TimedModel): readonly TimedDispatch[] {
  const { device, kernels, model } = timed;
  const library = libraryKernels(kernels);
  const steps = SIZES.flatMap((M) => timedSteps(M, model.config.numPositions, device.traits.reduction));
  return steps.flatMap((step) => {
    const dispatches = listStep(timed, step);
    const beside = Map.groupBy(library, (kernel) => dispatchBeside(kernel, dispatches));
    return dispatches.flatMap((dispatch): TimedDispatch[] => {
      const others = (beside.get(dispatch) ?? []).map((kernel) => atSizesOf(dispatch, kernel, device.traits));
      return [{ ...dispatch, step, isOfModel: true }, ...others.map((other) => ({ ...other, step, isOfModel: false }))];
    });
  });
}

function kernelCase(timed: TimedModel, dispatch: TimedDispatch, workload: Workload): KernelCase {
  const { kernel, dims, use, step } = dispatch;
  const { device } = timed;
  return {
    kernel,
    name: workload.name ?? use ?? ('T' in dims && !('R' in dims) ? 'tokens' : 'rows'),
    M: dims.M ?? dims.R ?? dims.T ?? step.sequences * step.queries,
    variants: variantsOf(timed, dispatch),
    choice: kernel.variant(device.traits, dispatch.choice),
    prepare: (owned, choice) => prepareDispatch(device, owned, dispatch, workload, choice),
  };
}

/** Makes the operands of a dispatch of a step in a variant; they belong to `owned`. */
export function prepareDispatch(
  device: Device,
  owned: DisposableStack,
  { kernel, dims, step }: Pick<TimedDispatch, 'kernel' | 'dims' | 'step'>,
  workload: Workload,
  variant: Variant,
): PreparedCase {
  const { spec } = kernel;
  const { data, sizes } = workload.inputs(variant);
  const known = { ...dims, ...variant.constants, ...sizes };
  return {
    tensors: makeTensors(device, owned, { spec, dims: known, variant, data }),
    scalars: scalarsOf(spec, known),
    cost: workloadsOf(kernel.name).cost?.(known, step) ?? null,
  };
}

/** Lists the variants that suit the step. Only a dispatch of the model has one that the model takes. */
function variantsOf({ device }: TimedModel, dispatch: TimedDispatch): readonly NamedVariant[] {
  const { kernel, step, isOfModel } = dispatch;
  const { suits = () => true } = workloadsOf(kernel.name);
  return allVariants(kernel, device.traits, fixedChoice(dispatch), tunedChoices([dispatch]))
    .filter(({ choice }) => suits(choice, step))
    .map((variant) => ({ ...variant, usedByModel: isOfModel && variant.usedByModel }));
}
