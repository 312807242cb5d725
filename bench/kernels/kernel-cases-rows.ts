// Cases of the kernels that work on rows of tokens or of logits, at sizes of the model.
import { allVariants } from '../../src/gpu/kernel-variants.ts';
import { ADJUST_ENTRY_WORDS, ADJUST_ROW_WORDS } from '../../src/kernels/adjust-logits/adjust-logits.ts';
import { adjustEntryWords, adjustRowWords } from '../../src/kernels/adjust-logits/adjust-row.ts';
import { kvRowWords } from '../../src/kernels/kv-write/kv-write.ts';
import { layernormNaive } from '../../src/kernels/layernorm/layernorm-naive.ts';
import { LOGPROB_WORDS } from '../../src/kernels/logprobs/logprobs.ts';
import { sampleProbs } from '../../src/kernels/sample/sample.ts';
import { SAMPLING_WORDS, samplingWords } from '../../src/kernels/sample/sampling-row.ts';
import { vocabularyRanges } from '../../src/kernels/weights/vocabulary-ranges.ts';
import { weightConditions } from '../../src/kernels/weights/weight-tiles.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { DEFAULT_BLOCK_SIZE as BLOCK_SIZE } from '../../src/runtime/runner-sizes.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { type BenchSubject, type KernelCase, SIZES } from './kernel-case.ts';
import { Operands } from './operands.ts';

/** The kernels that copy or norm the rows of M tokens. */
export function rowCases({ device, config, dtype, kvDtype }: BenchSubject): KernelCase[] {
  const { hiddenSize: C, numHeads: H, headDim: D, vocabSize: V, numPositions } = config;
  const { embed, layernorm, kvWrite, gatherRows } = modelKernels;
  const tokens = (M: number) => Int32Array.from({ length: M }, (_, t) => t);
  // A vocabulary beyond the largest binding is embedded in ranges: this is the first of them.
  const [{ size: N } = { size: V }] = vocabularyRanges(V, C, dtype, device.gpu.limits.maxStorageBufferBindingSize);
  const withKV = { conditions: { KV_F16: kvDtype === 'f16' } };
  return [
    ...SIZES.map(
      (M): KernelCase => ({
        kernel: embed,
        name: 'tokens',
        M,
        variants: allVariants(embed, device.traits, { conditions: weightConditions(dtype) }),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          const ids = Int32Array.from({ length: M }, (_, t) => (t * 7919) % N);
          const positions = tokens(M).map((t) => t % numPositions);
          const tensors = {
            token_ids: make.of(ids),
            next_tokens: make.empty('i32', M),
            positions: make.of(positions),
            wte: make.weight(dtype, C, N),
            wpe: make.floats(numPositions, C),
            out: make.empty('f32', M, C),
          };
          return { tensors, scalars: {} };
        },
      }),
    ),
    ...[layernorm, layernormNaive].flatMap((kernel) =>
      SIZES.map(
        (M): KernelCase => ({
          kernel,
          name: 'rows',
          M,
          variants: allVariants(kernel, device.traits),
          prepare: (owned) => {
            const make = new Operands(device, owned);
            const tensors = {
              x: make.floats(M, C),
              gamma: make.floats(C),
              beta: make.floats(C),
              out: make.empty('f32', M, C),
            };
            return { tensors, scalars: { eps: config.normEpsilon } };
          },
        }),
      ),
    ),
    ...SIZES.map(
      (M): KernelCase => ({
        kernel: kvWrite,
        name: 'tokens',
        M,
        variants: allVariants(kvWrite, device.traits, withKV),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          const shape = [ceilDiv(M, BLOCK_SIZE), 2, H, BLOCK_SIZE, kvRowWords(D, kvDtype)];
          const tensors = {
            qkv: make.floats(M, 3 * C),
            slot_mapping: make.of(tokens(M)),
            kv: make.empty('u32', ...shape),
          };
          return { tensors, scalars: { D } };
        },
      }),
    ),
    ...SIZES.map(
      (M): KernelCase => ({
        kernel: gatherRows,
        name: 'rows',
        M,
        variants: allVariants(gatherRows, device.traits),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          return {
            tensors: { x: make.floats(M, C), rows: make.of(tokens(M)), out: make.empty('f32', M, C) },
            scalars: {},
          };
        },
      }),
    ),
  ];
}

/** How rows are drawn. */
const DRAWS = [
  { name: 'greedy', temperature: 0, topK: 0, topP: 1, minP: 0 },
  { name: 'top-p', temperature: 0.7, topK: 0, topP: 0.9, minP: 0 },
] as const;
/** Logits of a row that a penalty changes, and most likely ids that are reported. */
const ADJUSTED = 256;
const PENALTY = { repetitionPenalty: 1.1, presencePenalty: 0, frequencyPenalty: 0, tokens: [], newestTokenSlot: null };
const TOP_LOGPROBS = 5;

/** The kernels that work on M rows of logits. */
export function logitsCases({ device, config }: BenchSubject): KernelCase[] {
  const V = config.vocabSize;
  const { adjustLogits, sample, logprobs } = modelKernels;
  return [
    ...SIZES.map(
      (M): KernelCase => ({
        kernel: adjustLogits,
        name: `${ADJUSTED} penalties a row`,
        M,
        variants: allVariants(adjustLogits, device.traits),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          const perRow = Math.min(ADJUSTED, V);
          const rows = Array.from({ length: M }, (_, r) => adjustRowWords(PENALTY, r * perRow, (r + 1) * perRow));
          const entries = Array.from({ length: M * perRow }, (_, e) =>
            adjustEntryWords({ id: e % perRow, outputCount: 1, bias: 0, isSeen: true, isMasked: false }),
          );
          const tensors = {
            logits: make.floats(M, V),
            rows: make.of(Uint32Array.from(rows.flat()), M, ADJUST_ROW_WORDS),
            entries: make.of(Uint32Array.from(entries.flat()), M * perRow, ADJUST_ENTRY_WORDS),
            next_tokens: make.empty('i32', M),
            out: make.empty('f32', M, V),
          };
          return { tensors, scalars: {} };
        },
      }),
    ),
    ...[sample, sampleProbs].flatMap((kernel) =>
      DRAWS.flatMap(({ name, ...filters }) =>
        SIZES.map(
          (M): KernelCase => ({
            kernel,
            name,
            M,
            variants: allVariants(kernel, device.traits),
            prepare: (owned) => {
              const make = new Operands(device, owned);
              const rows = Array.from({ length: M }, (_, r) =>
                samplingWords({ ...filters, seed: r, position: r, tokenSlot: r }),
              );
              const tensors = {
                logits: make.floats(M, V),
                sampling: make.of(Uint32Array.from(rows.flat()), M, SAMPLING_WORDS),
                next_tokens: make.empty('i32', M),
                sampled: make.empty('u32', M, 2),
                ...('probs' in kernel.spec.bindings && { probs: make.empty('f32', M, V) }),
              };
              return { tensors, scalars: { allowed: V } };
            },
          }),
        ),
      ),
    ),
    ...SIZES.map(
      (M): KernelCase => ({
        kernel: logprobs,
        name: `${TOP_LOGPROBS} most likely`,
        M,
        variants: allVariants(logprobs, device.traits),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          const tensors = {
            logits: make.floats(M, V),
            chosen: make.empty('u32', M, 2),
            wanted: make.of(new Uint32Array(M).fill(1 + TOP_LOGPROBS)),
            records: make.empty('u32', M, LOGPROB_WORDS),
          };
          return { tensors, scalars: {} };
        },
      }),
    ),
  ];
}
