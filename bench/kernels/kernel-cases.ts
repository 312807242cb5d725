import type { BenchSubject, KernelCase } from './kernel-case.ts';
import { attentionCases } from './kernel-cases-attention.ts';
import { matmulCases } from './kernel-cases-matmul.ts';
import { logitsCases, rowCases } from './kernel-cases-rows.ts';

/** Every kernel of the library at the model's shapes, in the order of a step. */
export function kernelCases(subject: BenchSubject): KernelCase[] {
  return [...rowCases(subject), ...matmulCases(subject), ...attentionCases(subject), ...logitsCases(subject)];
}
