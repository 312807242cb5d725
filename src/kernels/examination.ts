// Contract of a kernel's examination: dispatches whose results are known, at the sizes that a model has of the kernel. The
// doctor goes through them on a device and knows no kernel by itself.
import type { Kernel, SolvedDispatch } from '../gpu/kernel.ts';
import type { DimsOf, KernelSpec, VariantChoice } from '../gpu/kernel-spec.ts';
import { filterEntries } from '../util/filter-entries.ts';
import type { Expected, HostTensor } from './kernel-case.ts';

/** Dispatch that some step of a model has. */
export interface ModelDispatch extends SolvedDispatch {
  readonly kernel: Kernel;
  /** Its place in the model, such as `LM head`; null for a kernel that has one place only. */
  readonly use: string | null;
}

/** Dispatch of one kernel, or of another of the same declaration. */
export type DispatchOf<S extends KernelSpec> = ModelDispatch & { readonly dims: Required<DimsOf<S>> };

/** Operands of one dispatch of any kernel, on the host. */
export interface HostOperands {
  readonly tensors: Readonly<Record<string, HostTensor>>;
  readonly scalars: Readonly<Record<string, number>>;
}

/** Runs a kernel once. @returns the words of one of its outputs. */
export type Launch = (
  kernel: Kernel,
  operands: HostOperands,
  output: string,
  choice?: VariantChoice,
) => Promise<Uint32Array>;

/** Run over all or a part of a case. */
export interface CaseRun {
  /** Its sizes, in messages. */
  readonly what: string;
  /** Offset of its own output in the expected one, in elements; 0. */
  readonly start?: number;
  readonly run: (launch: Launch, choice: VariantChoice) => Promise<Uint32Array>;
}

/** Some operands of a kernel, and what is right for them. */
export interface ExaminedCase {
  readonly kernel: Kernel;
  /** Choice that all variants of the case share. */
  readonly fixed?: VariantChoice;
  /** Choices that the model makes besides; one of nothing. */
  readonly model?: readonly VariantChoice[];
  /** `model`: the base variant and those of the model; `all`: their neighbours too. */
  readonly variants: 'model' | 'all';
  /** Right output. Cases that share this object must have the same bits. */
  readonly expected: Expected;
  /** All of the case, in every variant. */
  readonly whole: CaseRun;
  /** Parts of it, in the base variant and those of the model: their bits must be those of the whole. */
  readonly parts?: readonly CaseRun[];
}

/** Cases of a kernel of a model. */
export interface Examination {
  /** Name of the kernel, or of those that give a result together. */
  readonly name: string;
  /** Made one at a time, since a vocabulary takes much memory; none where the model does without the kernel. */
  readonly cases: Iterable<ExaminedCase>;
}

/** Kernels of a model, and the dispatches that it has of them. */
export class ModelWork {
  readonly #kernels: ReadonlyMap<string, Kernel>;
  readonly #dispatches: readonly ModelDispatch[];

  /** @param dispatches in the order of a step, those of larger steps after those of smaller ones. */
  constructor(kernels: readonly Kernel[], dispatches: readonly ModelDispatch[]) {
    this.#kernels = new Map(kernels.map((kernel) => [kernel.name, kernel]));
    this.#dispatches = dispatches;
  }

  /** Returns the model's kernel of a name, in place of the library's where that has been replaced. */
  kernel(library: Kernel): Kernel {
    return this.#kernels.get(library.name) ?? library;
  }

  /** Lists the dispatches of a kernel of the library, or of that in its place. */
  of<S extends KernelSpec>(library: Kernel<S>): readonly DispatchOf<S>[] {
    return this.#dispatches.filter((dispatch): dispatch is DispatchOf<S> => dispatch.kernel.name === library.name);
  }
}

/** Choices of some dispatches without what is fixed: the values of tunables, each combination once. */
export function tunedChoices(dispatches: readonly ModelDispatch[]): readonly VariantChoice[] {
  const choices = dispatches.map(({ kernel, choice }) => {
    const { tunables = {} } = kernel.spec;
    return numbersOf(choice, (name) => name in tunables);
  });
  return [...new Map(choices.map((choice) => [JSON.stringify(choice), choice])).values()];
}

/** Choice of a dispatch without the values of tunables: storage, epilogue, sizes of code. */
export function fixedChoice({ kernel, choice }: ModelDispatch): VariantChoice {
  const { tunables = {} } = kernel.spec;
  return { conditions: choice.conditions ?? {}, ...numbersOf(choice, (name) => !(name in tunables)) };
}

/** Takes the constants and overrides of some names. */
function numbersOf({ constants = {}, overrides = {} }: VariantChoice, has: (name: string) => boolean): VariantChoice {
  return { constants: filterEntries(constants, has), overrides: filterEntries(overrides, has) };
}
