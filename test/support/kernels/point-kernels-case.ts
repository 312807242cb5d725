// Checks of the kernels that read and change points of a forward pass, against float64 loops.
import type { Device } from '../../../src/gpu/device.ts';
import { attentionEdited, attentionPattern } from '../../../src/kernels/attention/attention-pattern.ts';
import { type AttentionShape, AttentionStep, type Span } from '../../../src/kernels/attention/operands.ts';
import { copyColumns } from '../../../src/kernels/copy-columns/copy-columns.ts';
import { EDIT_MODES, editRows } from '../../../src/kernels/edit-rows/edit-rows.ts';
import { attentionPattern as referencePattern } from '../../../src/reference/attention.ts';
import { checkKernel } from '../../../src/testing/check-kernel.ts';
import { normals } from '../../../src/util/random-values.ts';

/** The kernels have no subgroup functions: one size of them shows all. */
const OPTIONS = { subgroups: 'own', inputs: 'given' } as const;
/** Unit roundoff of f32. */
const U = 2 ** -24;

/** Checks copies of some columns; the others keep what they held. */
export async function checkCopyColumns(
  device: Device,
  { M, N, O, first, out_first, count }: Readonly<Record<'M' | 'N' | 'O' | 'first' | 'out_first' | 'count', number>>,
  kernel: typeof copyColumns = copyColumns,
): Promise<void> {
  const [x, out] = [normals(1, M * N), normals(2, M * O)];
  const want = out.slice();
  for (let m = 0; m < M; m++) {
    for (let c = 0; c < count; c++) want[m * O + out_first + c] = x[m * N + first + c]!;
  }
  const operands = { x: { data: x, shape: [M, N] }, out: { data: out, shape: [M, O] } };
  await checkKernel(device, kernel, operands, { first, out_first, count }, { ...OPTIONS, expect: { out: want } });
}

/** Checks each mode on some rows in no order; the others keep what they held. */
export async function checkEditRows(
  device: Device,
  { M, S, C, R }: Readonly<Record<'M' | 'S' | 'C' | 'R', number>>,
  kernel: typeof editRows = editRows,
): Promise<void> {
  const [x, values] = [normals(3, M * C), normals(4, S * C)];
  const rows = Int32Array.from({ length: R }, (_, r) => (r * 7 + 3) % M);
  const sources = Int32Array.from({ length: R }, (_, r) => (r * 5 + 1) % S);
  for (const [name, mode] of Object.entries(EDIT_MODES)) {
    const want = x.slice();
    for (let r = 0; r < R; r++) {
      for (let c = 0; c < C; c++) {
        const [old, value] = [x[rows[r]! * C + c]!, values[sources[r]! * C + c]!];
        want[rows[r]! * C + c] = name === 'set' ? value : name === 'add' ? old + value : old * value;
      }
    }
    const operands = { x: { data: x, shape: [M, C] }, values: { data: values, shape: [S, C] }, rows, sources };
    await checkKernel(device, kernel, operands, { mode }, { ...OPTIONS, expect: { x: want } });
  }
}

/** Heads, window and sequences of a step. */
export interface PatternCase {
  readonly shape: Omit<AttentionShape, 'sums'>;
  readonly spans: readonly Span[];
}

/** Step of a case, its operands but those of probabilities, and for each (head, token) the keys [first, end) that it sees. */
function stepOf({ shape, spans }: PatternCase) {
  // How sums of `attention` are grouped changes no operand.
  const step = AttentionStep.random({ ...shape, sums: { splitKeys: 256, groupKeys: 0 } }, spans);
  const { qkv, kv, positions, sequence_index, block_tables } = step.whole().tensors;
  const H = shape.G * (shape.SHARE ?? 1);
  const X = Math.max(...spans.map(({ context }) => context));
  const T = step.numTokens;
  const seen = spans.flatMap(({ context, queries }) =>
    Array.from({ length: queries }, (_, t) => {
      const end = context - queries + t + 1;
      return { first: Math.max(0, end - (shape.window ?? end)), end };
    }),
  );
  const choice = { conditions: { KV_F16: shape.dtype === 'f16' } };
  return { step, qkv, cache: { kv, positions, sequence_index, block_tables }, H, T, X, seen, choice };
}

/**
 * Checks the probabilities of a step. A score and the greatest one err by (D + 2) u a each, a being the largest scale · Σ|q k|;
 * the exp of x = s − max by (3 + 2 |x|) 2 u; a sum is a chain of X / 64 and then of 64 additions, and has the errors of its terms;
 * the quotient errs by 2.5 units.
 */
export async function checkPattern(
  device: Device,
  of: PatternCase,
  kernel: typeof attentionPattern = attentionPattern,
): Promise<void> {
  const { step, qkv, cache, H, T, X, seen, choice } = stepOf(of);
  const { G, D, window = null } = of.shape;
  const want = new Float64Array(H * T * X);
  const tolerance = new Float64Array(want.length);
  let start = 0;
  for (const { context, queries, q, k } of step.sequences) {
    const dims = { T: queries, context, H, G, D, scale: step.scale, window };
    const pattern = referencePattern(Float64Array.from(q), Float64Array.from(k), dims);
    for (let row = 0; row < H * queries; row++) {
      const [h, t] = [Math.floor(row / queries), row % queries];
      const { first, end } = seen[start + t]!;
      const scores = Array.from({ length: end - first }, (_, j) => {
        const key = ((first + j) * G + Math.floor((h * G) / H)) * D;
        const terms = Array.from({ length: D }, (_, d) => step.scale * q[(t * H + h) * D + d]! * k[key + d]!);
        return { score: terms.reduce((a, b) => a + b), size: terms.reduce((sum, term) => sum + Math.abs(term), 0) };
      });
      const largest = Math.max(...scores.map(({ size }) => size));
      const max = Math.max(...scores.map(({ score }) => score));
      const spread = Math.max(...scores.map(({ score }) => max - score));
      const relative = Math.expm1(2 * U * (2 * (D + 2) * largest + 6 + 4 * spread) + U * (X / 64 + 64 + 5));
      const at = (h * T + start + t) * X;
      want.set(pattern.subarray(row * context, (row + 1) * context), at);
      for (let j = 0; j < context; j++)
        tolerance[at + j] = relative * want[at + j]! + (j >= first && j < end ? 2 ** -126 : 0);
    }
    start += queries;
  }
  const operands = { qkv, ...cache, pattern: { shape: [H, T, X] } };
  const options = { ...OPTIONS, expect: { pattern: { want, tolerance } } };
  const scalars = { window: step.window, scale: step.scale };
  await checkKernel(device, kernel, operands, scalars, { ...options, choice: { ...choice, constants: { D } } });
}

/**
 * Checks sums of values by probabilities, of which a third of the rows are changed at one key that they see, a third at one
 * that they do not see, where there is one, and a third at none. A sum is a chain of as many fma as the row sees keys.
 */
export async function checkEdited(
  device: Device,
  of: PatternCase,
  kernel: typeof attentionEdited = attentionEdited,
): Promise<void> {
  const { step, cache, H, T, X, seen, choice } = stepOf(of);
  const { G, D } = of.shape;
  const original = normals(5, H * T * X);
  const pattern = original.slice();
  const out = normals(6, T * H * D);
  const want = Float64Array.from(out);
  const tolerance = new Float64Array(want.length);
  const tokens = step.sequences.flatMap((sequence) => Array.from({ length: sequence.queries }, () => sequence));
  for (let h = 0; h < H; h++) {
    for (const [t, { v }] of tokens.entries()) {
      const row = (h * T + t) * X;
      const { first, end } = seen[t]!;
      const kind = (h + t) % 3;
      // The ends of what a row sees are the easiest to miss.
      if (kind === 0) pattern[row + (t % 2 === 0 ? first : end - 1)]! += 1;
      for (let j = 0; j < X; j++) if (kind === 1 && (j < first || j >= end)) pattern[row + j] = Number.NaN;
      if (kind !== 0) continue;
      for (let d = 0; d < D; d++) {
        const terms = Array.from({ length: end - first }, (_, j) => {
          const value = v[((first + j) * G + Math.floor((h * G) / H)) * D + d]!;
          return pattern[row + first + j]! * value;
        });
        const at = (t * H + h) * D + d;
        want[at] = terms.reduce((sum, term) => sum + term, 0);
        tolerance[at] = (terms.length + 2) * U * terms.reduce((sum, term) => sum + Math.abs(term), 2 ** -100);
      }
    }
  }
  const probabilities = {
    pattern: { data: pattern, shape: [H, T, X] },
    original: { data: original, shape: [H, T, X] },
  };
  const operands = { ...cache, ...probabilities, out: { data: out, shape: [T, H * D] } };
  const options = { ...OPTIONS, expect: { out: { want, tolerance } }, choice };
  await checkKernel(device, kernel, operands, { D, window: step.window }, options);
}
