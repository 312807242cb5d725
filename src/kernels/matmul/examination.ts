// Examinations of the matmuls of a model in batches of some rows, since a row's bits must not depend on its batch, and of
// those that write keys and values too; with the norm of their rows or without.
import type { Kernel } from '../../gpu/kernel.ts';
import { normals } from '../../util/random-values.ts';
import {
  type CaseRun,
  type DispatchOf,
  type Examination,
  type ExaminedCase,
  type HostOperands,
  type ModelWork,
  tunedChoices,
} from '../examination.ts';
import type { Expected } from '../kernel-case.ts';
import { kvDType } from '../kv-write/kv-write.ts';
import { scatteredSlots } from '../kv-write/operands.ts';
import { expectedLayernorm } from '../layernorm/expected.ts';
import { expectedRmsnorm } from '../rmsnorm/expected.ts';
import { weightDType } from '../weights/weight-tiles.ts';
import { ACTIVATION_NAMES } from './activation.ts';
import { expectedMatmul, expectedProjection } from './expected.ts';
import { matmul, matmulKVWrite } from './matmul.ts';
import { normMatmul, normMatmulKVWrite, rmsnormMatmul } from './norm-matmul.ts';
import {
  type MatmulInputs,
  matmulConditions,
  matmulInputs,
  matmulOperands,
  type NormInputs,
  normInputs,
  normMatmulOperands,
  normProjectionOperands,
  type ProjectionInputs,
  packedWeight,
  projectionOperands,
  rmsnormMatmulOperands,
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
type NormedMatmul = DispatchOf<typeof normMatmul.spec> | DispatchOf<typeof rmsnormMatmul.spec>;
type NormedProjection = DispatchOf<typeof normMatmulKVWrite.spec>;

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
  const inputs = inputsOf(dispatches.at(-1)!, index);
  const w = packedWeight(inputs);
  return {
    ...batchesOf(dispatches, inputs, (rows) => ({ kernel, operands: matmulOperands(rows, w) })),
    kernel,
    variants: index === 0 ? 'all' : 'model',
    expected: expectedMatmul(inputs),
  };
}

/** Examines every matmul of a model that takes a layer norm in. */
export function examineNormMatmul(work: ModelWork): Examination {
  return normMatmulCases(work.kernel(normMatmul), work.of(normMatmul), (operands, x, norm) => ({
    operands: normMatmulOperands(operands, norm),
    rows: expectedLayernorm({ x, ...norm }),
  }));
}

/** Examines every one that takes an RMS norm in. */
export function examineRmsnormMatmul(work: ModelWork): Examination {
  return normMatmulCases(work.kernel(rmsnormMatmul), work.of(rmsnormMatmul), (operands, x, norm) => ({
    operands: rmsnormMatmulOperands(operands, norm),
    rows: expectedRmsnorm({ x, ...norm }),
  }));
}

function normMatmulCases(
  kernel: Kernel,
  dispatches: readonly NormedMatmul[],
  prepare: (
    operands: ReturnType<typeof matmulOperands>,
    x: Float32Array,
    norm: NormInputs,
  ) => { readonly operands: HostOperands; readonly rows: Expected },
): Examination {
  const byUse = Map.groupBy(dispatches, ({ use }) => use);
  const cases = [...byUse.values()].map((dispatches, index): ExaminedCase => {
    const inputs = inputsOf(dispatches.at(-1)!, index);
    const norm = normInputs(index, inputs.K, dispatches.at(-1)!.dims.eps);
    const w = packedWeight(inputs);
    return {
      ...batchesOf(dispatches, inputs, (rows) => ({
        kernel,
        operands: prepare(matmulOperands(rows, w), rows.x, norm).operands,
      })),
      kernel,
      variants: 'model',
      expected: expectedMatmul(inputs, prepare(matmulOperands(inputs, w), inputs.x, norm).rows),
    };
  });
  return { name: kernel.name, cases };
}

/** Makes inputs for M rows of a dispatch. */
function inputsOf({ dims, variant: { conditions } }: AnyMatmul | NormedMatmul, index: number): MatmulInputs {
  const { K, N, O, first } = dims;
  return {
    ...matmulInputs(4 * index, { M, K, N }, weightDType(conditions)),
    columns: { first, O },
    activation: ACTIVATION_NAMES.find((name) => conditions[name]),
    ...(conditions.RESIDUAL && { residual: normals(4 * index + 3, M * O) }),
  };
}

/** Makes the runs over all rows and over some, in the variants of a model. */
function batchesOf(
  dispatches: readonly (AnyMatmul | NormedMatmul)[],
  inputs: MatmulInputs,
  prepare: (rows: MatmulInputs) => { readonly kernel: Kernel; readonly operands: HostOperands },
): Pick<ExaminedCase, 'fixed' | 'model' | 'whole' | 'parts'> {
  const { use, dims } = dispatches.at(-1)!;
  const { K, N, O } = dims;
  const batch = (start: number, count: number): CaseRun => ({
    what: `${use}, ${count} × ${K} · ${K} × ${N}`,
    start: start * O,
    run: (launch, choice) => {
      const { kernel, operands } = prepare(someRows(inputs, start, start + count));
      return launch(kernel, operands, 'out', choice);
    },
  });
  return {
    fixed: { conditions: { ...matmulConditions(inputs), X_VEC4: K % 4 === 0 } },
    model: tunedChoices(dispatches),
    whole: batch(0, M),
    parts: BATCHES.map(({ first, count }) => batch(first, count)),
  };
}

/** Examines q in the output and k and v in scattered slots of a cache. */
export function examineMatmulKVWrite(work: ModelWork): Examination {
  const kernel = work.kernel(matmulKVWrite);
  return projectionCases(kernel, work.of(matmulKVWrite), (inputs) => ({
    operands: projectionOperands(inputs),
    expected: expectedProjection(inputs),
  }));
}

/** Examines the same where it takes a norm in. */
export function examineNormMatmulKVWrite(work: ModelWork): Examination {
  const kernel = work.kernel(normMatmulKVWrite);
  return projectionCases(kernel, work.of(normMatmulKVWrite), (inputs, { dims: { K, eps } }) => {
    const norm = normInputs(0, K, eps);
    return {
      operands: normProjectionOperands(projectionOperands(inputs), norm),
      expected: expectedProjection(inputs, expectedLayernorm({ x: inputs.x, ...norm })),
    };
  });
}

function projectionCases<D extends Projection | NormedProjection>(
  kernel: Kernel,
  dispatches: readonly D[],
  prepare: (
    inputs: ProjectionInputs,
    dispatch: D,
  ) => { readonly operands: HostOperands; readonly expected: ReturnType<typeof expectedProjection> },
): Examination {
  const cases = dispatches.slice(-1).flatMap((dispatch) => {
    const { K, N, G, P, D } = dispatch.dims;
    const { conditions } = dispatch.variant;
    const { KV_F16 = false } = conditions;
    const cache = { numBlocks: NUM_BLOCKS, G, P, D, dtype: kvDType(conditions) };
    const slots = scatteredSlots(cache, T);
    const inputs = { ...matmulInputs(0, { M: T, K, N }, weightDType(conditions)), cache, slots };
    const { operands, expected: outputs } = prepare(inputs, dispatch);
    return Object.entries(outputs).map(
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
