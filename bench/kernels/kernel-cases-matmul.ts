// Cases of the matmuls of a model, by rows, in every variant.
import { allVariants } from '../../src/gpu/kernel-variants.ts';
import { kvRowWords } from '../../src/kernels/kv-write/kv-write.ts';
import { fillsKVRow } from '../../src/kernels/matmul/matmul.ts';
import { matmulNaive } from '../../src/kernels/matmul/matmul-naive.ts';
import { priorChoice } from '../../src/kernels/matmul/tuning.ts';
import { vocabularyRanges } from '../../src/kernels/weights/vocabulary-ranges.ts';
import { weightConditions } from '../../src/kernels/weights/weight-tiles.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { DEFAULT_BLOCK_SIZE as BLOCK_SIZE } from '../../src/runtime/runner-sizes.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { type BenchSubject, type KernelCase, SIZES } from './kernel-case.ts';
import { Operands } from './operands.ts';

/** A matmul of the model. */
interface Linear {
  readonly name: string;
  readonly K: number;
  readonly N: number;
  readonly conditions?: Readonly<Record<string, boolean>>;
}

const ACTIVATIONS = { gelu_new: 'GELU_NEW', gelu: 'GELU', relu: 'RELU' } as const;

/** The matmuls of a layer and the LM head over M rows; the first of them also with KV write, and by the naive kernel, in f32. */
export function matmulCases({ device, config, dtype, kvDtype }: BenchSubject): KernelCase[] {
  const { hiddenSize: C, mlpSize: F, numHeads: H, headDim: D, vocabSize: V, activation } = config;
  // A vocabulary beyond the largest binding is multiplied in ranges: this is the first of them.
  const [head = { size: V }] = vocabularyRanges(V, C, dtype, device.gpu.limits.maxStorageBufferBindingSize);
  const linears: readonly Linear[] = [
    { name: 'qkv', K: C, N: 3 * C },
    { name: 'projection', K: C, N: C, conditions: { RESIDUAL: true } },
    { name: 'MLP', K: C, N: F, conditions: { [ACTIVATIONS[activation]]: true } },
    { name: 'MLP projection', K: F, N: C, conditions: { RESIDUAL: true } },
    { name: 'LM head', K: C, N: head.size },
  ];
  const { matmul, matmulKVWrite } = modelKernels;
  const common = (K: number) => ({ ...weightConditions(dtype), X_VEC4: K % 4 === 0 });
  return [
    ...linears.flatMap(({ name, K, N, conditions }) =>
      SIZES.map((M): KernelCase => {
        const fixed = { conditions: { ...common(K), ...conditions } };
        return {
          kernel: matmul,
          name,
          M,
          variants: allVariants(matmul, device.traits, fixed, [priorChoice(device.traits, M)]),
          prepare: (owned) => {
            const make = new Operands(device, owned);
            const w = make.weight(dtype, K, N);
            const tensors = { x: make.floats(M, K), w, bias: make.floats(N), out: make.empty('f32', M, N) };
            return { tensors, scalars: {} };
          },
        };
      }),
    ),
    ...(fillsKVRow(D, kvDtype) ? SIZES : []).map((M): KernelCase => {
      const [K, N] = [C, 3 * C];
      const fixed = { conditions: { ...common(K), KV_F16: kvDtype === 'f16' } };
      return {
        kernel: matmulKVWrite,
        name: 'qkv',
        M,
        variants: allVariants(matmulKVWrite, device.traits, fixed, [priorChoice(device.traits, M)]),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          const tensors = {
            x: make.floats(M, K),
            w: make.weight(dtype, K, N),
            bias: make.floats(N),
            out: make.empty('f32', M, N),
            slot_mapping: make.of(Int32Array.from({ length: M }, (_, t) => t)),
            kv: make.empty('u32', ceilDiv(M, BLOCK_SIZE), 2, H, BLOCK_SIZE, kvRowWords(D, kvDtype)),
          };
          return { tensors, scalars: { D } };
        },
      };
    }),
    ...SIZES.map(
      (M): KernelCase => ({
        kernel: matmulNaive,
        name: 'qkv',
        M,
        variants: allVariants(matmulNaive, device.traits),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          const [K, N] = [C, 3 * C];
          const tensors = {
            x: make.floats(M, K),
            w: make.floats(K, N),
            bias: make.floats(N),
            out: make.empty('f32', M, N),
          };
          return { tensors, scalars: {} };
        },
      }),
    ),
  ];
}
