// Classes of adapters by the order in which kernels sum: a chain of additions fills a processor, but only independent parts
// fill a GPU. A device has one class for good, so no result depends on anything that runs beside it.

/**
 * Order in which kernels sum: `software` in one ascending chain, `gpu` in parts that are fixed by the length of the sum and
 * added in ascending order. The two give different bits, each always the same.
 */
export type ReductionClass = 'software' | 'gpu';

/** All classes. */
export const REDUCTION_CLASSES: readonly ReductionClass[] = ['software', 'gpu'];

/** Returns the class of a kind of adapter. */
export function ownReduction({ isSoftware }: { readonly isSoftware: boolean }): ReductionClass {
  return isSoftware ? 'software' : 'gpu';
}
