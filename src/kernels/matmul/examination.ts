// Examinations of the matmuls of a model in batches of some rows, since a row's bits must not depend on its batch, and of
// the one that writes keys and values too.
import { normals } from '../../util/random-values.ts';
import {
  type CaseRun,
  type DispatchOf,
  type Examination,
  type ExaminedCase,
  type ModelWork,
  tunedChoices,
} from '../examination.ts';
import { kvDType } from '../kv-write/kv-write.ts';
import { scatteredSlots } from '../kv-write/operands.ts';
import { weightDType } from '../weights/weight-tiles.ts';
import { ACTIVATION_NAMES } from './activation.ts';
import { expectedMatmul, expectedProjection } from './expected.ts';
import { matmul, matmulKVWrite } from './matmul.ts';
import {
  type MatmulInputs,
  matmulConditions,
  matmulInputs,
  matmulOperands,
  packedWeight,
  projectionOperands,
  someRows,
} from './operands.ts';

/** Rows [first, first + count) of all; the whole is not a multiple of any tile. */
const M = 9;
const BATCHES = [
  { first: 1, count: 1 },
  { first: 2, count: 2 },
  { first: 4, count: 3 },
] as const;

/** Tokens, and blocks of the cache that they go to. */
const [T, NUM_BLOCKS] = [7, 3];

type Projection = DispatchOf<typeof matmulKVWrite.spec>;
type AnyMatmul = DispatchOf<typeof matmul.spec> | Projection;

/** Examines every matmul of a model: the first in all variants, the others in the model's. */
export function examineMatmul(work: ModelWork): Examination {
  return { name: work.kernel(matmul).name, cases: matmulCases(work) };
}

function* matmulCases(work: ModelWork): Generator<ExaminedCase> {
  // The product of a projection is examined by itself too.
  const dispatches: readonly AnyMatmul[] = [...work.of(matmulKVWrite), ...work.of(matmul)];
  let index = 0;
  for (const ofUse of Map.groupBy(dispatches, ({ use }) => use).values()) yield matmulCase(work, ofUse, index++);
}

/** @param dispatches over any number of rows; of a head in ranges the last is taken. */
function matmulCase(work: ModelWork, dispatches: readonly AnyMatmul[], index: number): ExaminedCase {
  const kernel = work.kernel(matmul);
  const { use, dims, variant } = dispatches.at(-1)!;
  const { K, N, O, first } = dims;
  const { conditions } = variant;
  const inputs: MatmulInputs = {
    ...matmulInputs(4 * index, { M, K, N }, weightDType(conditions)),
    columns: { first, O },
    activation: ACTIVATION_NAMES.find((name) => conditions[name]),
    ...(conditions.RESIDUAL && { residual: normals(4 * index + 3, M * O) }),
  };
  const w = packedWeight(inputs);
  const batch = (start: number, count: number): CaseRun => ({
    what: `${use}, ${count} × ${K} · ${K} × ${N}`,
    start: start * O,
    run: (launch, choice) => launch(kernel, matmulOperands(someRows(inputs, start, start + count), w), 'out', choice),
  });
  return {
    kernel,
    fixed: { conditions: { ...matmulConditions(inputs), X_VEC4: K % 4 === 0 } },
    model: tunedChoices(dispatches),
    variants: index === 0 ? 'all' : 'model',
    expected: expectedMatmul(inputs),
    whole: batch(0, M),
    parts: BATCHES.map(({ first, count }) => batch(first, count)),
  };
}

/** Examines q in the output and k and v in scattered slots of a cache. */
export function examineMatmulKVWrite(work: ModelWork): Examination {
  const kernel = work.kernel(matmulKVWrite);
  const dispatches = work.of(matmulKVWrite);
  const cases = dispatches.slice(-1).flatMap(({ dims: { K, N, H, P, D }, variant }) => {
    const { KV_F16 = false } = variant.conditions;
    const cache = { numBlocks: NUM_BLOCKS, H, P, D, dtype: kvDType(variant.conditions) };
    const slots = scatteredSlots(cache, T);
    const inputs = { ...matmulInputs(0, { M: T, K, N }, weightDType(variant.conditions)), cache, slots };
    const operands = projectionOperands(inputs);
    return Object.entries(expectedProjection(inputs)).map(
      ([output, expected]): ExaminedCase => ({
        kernel,
        fixed: { conditions: { ...matmulConditions(inputs), X_VEC4: K % 4 === 0, KV_F16 } },
        model: tunedChoices(dispatches),
        variants: 'model',
        expected,
        whole: {
          what: `${output} of ${T} tokens`,
          run: (launch, choice) => launch(kernel, operands, output, choice),
        },
      }),
    );
  });
  return { name: kernel.name, cases };
}
