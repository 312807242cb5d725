// Check of every matmul of the model, in batches of some rows: a row's bits must not depend on its batch.
import type { Kernel } from '../gpu/kernel.ts';
import { allVariants, modelVariants, type NamedVariant } from '../gpu/kernel-variants.ts';
import type { ActivationName } from '../kernels/matmul/activation.ts';
import { expectedMatmul } from '../kernels/matmul/expected.ts';
import {
  type MatmulInputs,
  matmulConditions,
  matmulInputs,
  matmulOperands,
  packedWeight,
  someRows,
} from '../kernels/matmul/operands.ts';
import { upload } from '../kernels/upload.ts';
import { MATMUL_BUCKETS, priorChoice } from '../tuning/matmul-tuning.ts';
import { normals } from '../util/random-values.ts';
import { Judge, type KernelReport, type PlannedRun } from './judge.ts';
import type { Subject } from './subject.ts';
import { runOnce } from './tensors.ts';
import { lastRange } from './vocabulary.ts';

/** A matmul of the model. */
interface Linear {
  readonly name: string;
  readonly K: number;
  readonly N: number;
  readonly activation?: ActivationName;
  /** Adds to what the output held. */
  readonly residual?: true;
  /** The LM head: a range of a wider output, without bias. */
  readonly head?: { readonly first: number; readonly O: number };
}

/** Rows [first, first + count) of all; the whole is not a multiple of any tile. */
const M = 9;
const BATCHES = [
  { first: 0, count: M },
  { first: 1, count: 1 },
  { first: 2, count: 2 },
  { first: 4, count: 3 },
] as const;

const ACTIVATIONS = { gelu_new: 'GELU_NEW', gelu: 'GELU', relu: 'RELU' } as const;

/** Every matmul of the model in batches of 1 to 9 rows; all variants in the first, the model's in all. */
export async function checkMatmul(subject: Subject): Promise<KernelReport> {
  const { hiddenSize: C, mlpSize: F, vocabSize: V, activation } = subject.config;
  const { first, size } = lastRange(subject);
  const linears: readonly Linear[] = [
    { name: 'qkv', K: C, N: 3 * C },
    { name: 'attention projection', K: C, N: C, residual: true },
    { name: 'MLP', K: C, N: F, activation: ACTIVATIONS[activation] },
    { name: 'MLP projection', K: F, N: C, residual: true },
    { name: 'LM head', K: C, N: size, head: { first, O: V } },
  ];
  const judge = new Judge(subject.kernels.matmul.name);
  for (const [i, linear] of linears.entries()) await checkLinear(subject, judge, linear, i);
  return judge.report();
}

async function checkLinear(subject: Subject, judge: Judge, linear: Linear, seed: number): Promise<void> {
  const { device, dtype, kernels } = subject;
  const { name, K, N, activation, head } = linear;
  const plain = matmulInputs(4 * seed, { M, K, N }, dtype);
  const inputs: MatmulInputs = {
    ...plain,
    activation,
    ...(linear.residual && { residual: normals(4 * seed + 3, M * N) }),
    ...(head && { columns: head, bias: new Float32Array(N) }),
  };
  using owned = new DisposableStack();
  const packed = packedWeight(inputs);
  const w = upload(device, owned, 'w', packed);
  const runBatch = (variant: NamedVariant, { first, count }: (typeof BATCHES)[number]): PlannedRun => ({
    variant,
    what: `${name}, ${count} × ${K} · ${K} × ${N}`,
    start: first * (head?.O ?? N),
    run: () => {
      const { tensors, scalars } = matmulOperands(someRows(inputs, first, first + count), packed);
      const kernel: Kernel = kernels.matmul;
      return runOnce(device, { kernel, tensors: { ...tensors, w }, scalars, choice: variant.choice, output: 'out' });
    },
  });
  const runs = variantsOf(subject, linear, inputs).flatMap((variant) =>
    (variant.isBase || variant.usedByModel ? BATCHES : BATCHES.slice(0, 1)).map((batch) => runBatch(variant, batch)),
  );
  await judge.check(runs, expectedMatmul(inputs));
}

function variantsOf({ device, kernels }: Subject, { name, K }: Linear, inputs: MatmulInputs): NamedVariant[] {
  const conditions = { ...matmulConditions(inputs), X_VEC4: K % 4 === 0 };
  const model = MATMUL_BUCKETS.map((M) => priorChoice(device.traits, M));
  const list = name === 'qkv' ? allVariants : modelVariants;
  return list(kernels.matmul, device.traits, { conditions }, model);
}
