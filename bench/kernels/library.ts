// Kernels of the library that no step of the model runs, such as the naive forms: each is timed beside the first dispatch that
// knows all its sizes. That is sound because a shape letter means one size in all of the library.

import { canRun } from '../../src/gpu/can-run.ts';
import type { DeviceTraits } from '../../src/gpu/device.ts';
import { Kernel } from '../../src/gpu/kernel.ts';
import type { Dims, KernelSpec, VariantChoice } from '../../src/gpu/kernel-spec.ts';
import type { ModelDispatch } from '../../src/kernels/examination.ts';
import * as library from '../../src/kernels/index.ts';
import type { ModelKernels } from '../../src/models/kernels.ts';

/** Lists the kernels of the library, those of the model in place of its own. */
export function libraryKernels(kernels: ModelKernels): readonly Kernel[] {
  const ofModel = new Map<string, Kernel>(Object.values(kernels).map((kernel) => [kernel.name, kernel]));
  const exported: readonly unknown[] = Object.values(library);
  return exported.flatMap((value) => (value instanceof Kernel ? [ofModel.get(value.name) ?? value] : []));
}

/** Returns the first dispatch of another kernel that knows all sizes of a kernel; null where none does. */
export function dispatchBeside({ name, spec }: Kernel, dispatches: readonly ModelDispatch[]): ModelDispatch | null {
  const names = sizeNames(spec);
  return dispatches.find(({ kernel, dims }) => kernel.name !== name && names.every((size) => size in dims)) ?? null;
}

/** Makes the dispatch that a kernel would be in the place of one that knows its sizes. */
export function atSizesOf(dispatch: ModelDispatch, kernel: Kernel, traits: DeviceTraits): ModelDispatch {
  const names = [...sizeNames(kernel.spec), ...Object.keys(kernel.spec.defaults ?? {})];
  const dims = Object.fromEntries(Object.entries(dispatch.dims).filter(([name]) => names.includes(name)));
  const choice = sharedChoice(kernel, traits, dispatch.choice);
  return { ...dispatch, kernel, dims, choice, variant: kernel.variant(traits, choice) };
}

/** Scalars of a call: those that the sizes of a dispatch hold and no tensor's shape determines. */
export function scalarsOf(spec: KernelSpec, dims: Dims): Dims {
  const letters = shapeLetters(spec);
  const names = [...Object.keys(spec.params ?? {}), ...(spec.extras ?? [])];
  return Object.fromEntries(
    names.filter((name) => !letters.includes(name) && name in dims).map((name) => [name, dims[name] ?? 0]),
  );
}

/** Letters and scalars of a declaration, but for scalars that may be left out. */
function sizeNames(spec: KernelSpec): readonly string[] {
  const names = new Set([...shapeLetters(spec), ...Object.keys(spec.params ?? {}), ...(spec.extras ?? [])]);
  return [...names].filter((name) => !(name in (spec.defaults ?? {})));
}

function shapeLetters({ bindings }: KernelSpec): readonly string[] {
  return Object.values(bindings).flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string'));
}

/** Takes of a dispatch's choice what another kernel can have: storage, sizes of code, values of its tunables. */
function sharedChoice(kernel: Kernel, traits: DeviceTraits, choice: VariantChoice): VariantChoice {
  const { tunables = {} } = kernel.spec;
  const pick = <T>(values: Readonly<Record<string, T>> | undefined, has: (name: string, value: T) => boolean) =>
    Object.fromEntries(Object.entries(values ?? {}).filter(([name, value]) => has(name, value)));
  return {
    conditions: pick(choice.conditions, (name, value) => canRun(kernel, traits, { conditions: { [name]: value } })),
    constants: pick(choice.constants, (name, value) => canRun(kernel, traits, { constants: { [name]: value } })),
    overrides: pick(choice.overrides, (name) => name in tunables),
  };
}
