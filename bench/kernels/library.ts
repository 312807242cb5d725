// Kernels of the library beside the dispatches of a model: the naive forms, and what a step could run in another's place. Each
// has the sizes of the first dispatch that knows all of its own, since a shape letter means one size in all of the library.
import { canRun } from '../../src/gpu/can-run.ts';
import type { DeviceTraits } from '../../src/gpu/device-traits.ts';
import { Kernel } from '../../src/gpu/kernel.ts';
import type { Dims, KernelSpec, VariantChoice } from '../../src/gpu/kernel-spec.ts';
import type { ModelDispatch } from '../../src/kernels/examination.ts';
import * as library from '../../src/kernels/index.ts';
import type { ModelKernels } from '../../src/models/kernels.ts';
import { filterEntries } from '../../src/util/filter-entries.ts';

/** Lists the kernels of the library; one of the model takes the place of the one of its name. */
export function libraryKernels(kernels: ModelKernels): readonly Kernel[] {
  const ofModel = new Map<string, Kernel>(Object.values(kernels).map((kernel) => [kernel.name, kernel]));
  const exported: readonly unknown[] = Object.values(library);
  return exported.flatMap((value) => (value instanceof Kernel ? [ofModel.get(value.name) ?? value] : []));
}

/** Returns the first dispatch of another kernel that has every size of this one; null if there is none. */
export function dispatchBeside({ name, spec }: Kernel, dispatches: readonly ModelDispatch[]): ModelDispatch | null {
  const names = sizeNames(spec);
  return dispatches.find(({ kernel, dims }) => kernel.name !== name && names.every((size) => size in dims)) ?? null;
}

/** Makes the dispatch of a kernel at the sizes of another's, in the nearest variant that it has. */
export function atSizesOf(dispatch: ModelDispatch, kernel: Kernel, traits: DeviceTraits): ModelDispatch {
  const names = [...sizeNames(kernel.spec), ...Object.keys(kernel.spec.defaults ?? {})];
  const dims = filterEntries(dispatch.dims, (name) => names.includes(name));
  const choice = sharedChoice(kernel, traits, dispatch.choice);
  return { ...dispatch, kernel, dims, choice, variant: kernel.variant(traits, choice) };
}

/** Takes the scalars of a call from the sizes of its dispatch: those that no tensor's shape determines. */
export function scalarsOf(spec: KernelSpec, dims: Dims): Dims {
  const letters = shapeLetters(spec);
  const names = [...Object.keys(spec.params ?? {}), ...(spec.extras ?? [])];
  return Object.fromEntries(
    names.filter((name) => !letters.includes(name) && name in dims).map((name) => [name, dims[name] ?? 0]),
  );
}

/** Lists the letters and scalars of a declaration, without scalars that have defaults. */
function sizeNames(spec: KernelSpec): readonly string[] {
  const names = new Set([...shapeLetters(spec), ...Object.keys(spec.params ?? {}), ...(spec.extras ?? [])]);
  return [...names].filter((name) => !(name in (spec.defaults ?? {})));
}

function shapeLetters({ bindings }: KernelSpec): readonly string[] {
  return Object.values(bindings).flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string'));
}

/** Takes from a choice what another kernel can have: conditions, constants, and overrides that it tunes. */
function sharedChoice(kernel: Kernel, traits: DeviceTraits, choice: VariantChoice): VariantChoice {
  const { tunables = {} } = kernel.spec;
  const { conditions = {}, constants = {}, overrides = {} } = choice;
  return {
    conditions: filterEntries(conditions, (name, value) => canRun(kernel, traits, { conditions: { [name]: value } })),
    constants: filterEntries(constants, (name, value) => canRun(kernel, traits, { constants: { [name]: value } })),
    overrides: filterEntries(overrides, (name) => name in tunables),
  };
}
