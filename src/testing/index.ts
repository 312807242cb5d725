// Exports of 'roseinfer/testing': checks of kernels that need no test runner.
import '../util/platform-types.ts';

export type { DType, TensorData } from '../gpu/tensor-data.ts';
export { type Adversarial, type AdversarialOptions, adversarial, type NamedInput } from './adversarial.ts';
export { type Bound, type BoundedElement, bounds } from './bounds.ts';
export { type CheckedOperands, checkKernel, examineKernel, runGuarded } from './check-kernel.ts';
export type { CheckedVariants, CheckOptions, RunOptions } from './check-options.ts';
export { CheckReport, type FaultKind, KernelCheckError, type KernelFault, type WorstElement } from './check-report.ts';
export {
  type CompareOptions,
  type CompareWithinOptions,
  type Comparison,
  compareBits,
  compareWithin,
  type NumberArray,
  type WrongElement,
} from './comparison.ts';
export type { Distribution } from './distributions.ts';
export type { DetailedExpectation, Expectation, Expectations, Reference } from './expectations.ts';
export type { CheckedOperand, ShapedData } from './host-operands.ts';
export type { InputVariation } from './input-variations.ts';
export type { LaneOrder } from './lane-orders.ts';
export type { Limit, Tolerance } from './limit.ts';
export { type JudgedMutant, MutantReport } from './mutants/mutant-report.ts';
export { type MutantText, mutantTexts } from './mutants/mutant-texts.ts';
export { type MutantOptions, MutantsError, mutants } from './mutants/mutants.ts';
export { type InputShape, type Random, type RandomIntegerOptions, type RandomOptions, random } from './random.ts';
