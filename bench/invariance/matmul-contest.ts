// Contest of a matmul: the model's variant against dot products by subgroups and against free splits of K. Neither side has an
// epilogue beyond the bias: an epilogue has no order.
import { canRun } from '../../src/gpu/can-run.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { ChoiceOf } from '../../src/gpu/kernel-spec.ts';
import { overlay } from '../../src/gpu/overlay.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import type { MatmulShape } from '../../src/kernels/matmul/operands.ts';
import { PackedWeight } from '../../src/kernels/weights/packed-weight.ts';
import {
  packTiles,
  storedValues,
  TILE,
  type WeightDType,
  weightConditions,
} from '../../src/kernels/weights/weight-tiles.ts';
import { sumBound } from '../../src/reference/error-bounds.ts';
import { matmul as referenceMatmul } from '../../src/reference/operators.ts';
import { ceilDiv, roundUp } from '../../src/util/math.ts';
import { uniforms } from '../../src/util/random-values.ts';
import { repeat } from '../kernels/operands.ts';
import { type Contest, type Contestant, dispatchOf } from './contest.ts';
import { CONTROLS, type Controls, QUAD } from './controls.ts';

/** Columns of w before they repeat: tiles that lie near each other differ. */
const PERIOD = 5 * TILE;
/** Bound of the numbers of w. */
const WEIGHT_SCALE = 0.1;

/** Sizes of controls that are tried. */
interface ControlSizes {
  /** Quads of columns and lanes of a workgroup of `freeDot`. */
  readonly dots: readonly Readonly<Record<'QUADS' | 'LANES', number>>[];
  /** Lanes of a workgroup of `freeSplit`. */
  readonly splitLanes: readonly number[];
  /** Workgroups that K is cut for. */
  readonly workgroups: readonly number[];
}

const GPU_SIZES: ControlSizes = {
  dots: [
    { QUADS: 1, LANES: 64 },
    { QUADS: 2, LANES: 64 },
    { QUADS: 4, LANES: 128 },
    { QUADS: 8, LANES: 64 },
    { QUADS: 8, LANES: 256 },
  ],
  splitLanes: [32, 64],
  workgroups: [1, 64, 256, 1024],
};
/** Sizes for a few wide lanes of a processor, for which every lane more is work. */
const SOFTWARE_SIZES: ControlSizes = {
  dots: [
    { QUADS: 1, LANES: 8 },
    { QUADS: 2, LANES: 32 },
    { QUADS: 8, LANES: 8 },
    { QUADS: 8, LANES: 32 },
  ],
  splitLanes: [8, 32],
  workgroups: [1, 16],
};
/** Most rows that share a load of weights. */
const MAX_ROWS = 8;

/** Quads of k that a lane loads at a time: for several rows fewer, which leaves registers for x. */
function quadsOfK(rows: number): readonly number[] {
  return rows === 1 ? [4, 8] : [1, 2];
}

function sizesFor({ traits: { isSoftware } }: Device): ControlSizes {
  return isSoftware ? SOFTWARE_SIZES : GPU_SIZES;
}

/** Operands that ours and the controls share. */
interface MatmulTensors {
  readonly x: Tensor;
  readonly w: PackedWeight;
  readonly bias: Tensor;
  readonly out: Tensor;
}

/**
 * Makes the contest of x[M, K] · w[K, N]; its tensors belong to `owned`.
 *
 * @param choice the variant of `matmul` that the model takes.
 */
export async function matmulContest(
  device: Device,
  owned: DisposableStack,
  shape: MatmulShape & { readonly dtype: WeightDType },
  choice: ChoiceOf<typeof matmul.spec>,
  controls: Controls = CONTROLS,
): Promise<Contest> {
  const { M, K, N, dtype } = shape;
  const columns = uniforms(3, K * PERIOD, WEIGHT_SCALE);
  const w = owned.use(PackedWeight.create(device, 'w', [K, N], dtype));
  repeat(w.words, packTiles(K, PERIOD, dtype, columns, 'kn'));
  const [x, bias] = [uniforms(1, M * K), uniforms(2, N)];
  const tensors = {
    x: owned.use(Tensor.from(device, 'x', x, [M, K])),
    w,
    bias: owned.use(Tensor.from(device, 'bias', bias)),
    out: owned.use(Tensor.create(device, 'out', 'f32', [M, N])),
  };
  const magnitude = (numbers: Float32Array) => Float64Array.from(numbers, Math.abs);
  const stored = storedValues(K, PERIOD, dtype, columns, 'kn');
  const sums = referenceMatmul(magnitude(x), magnitude(stored), new Float64Array(PERIOD), { M, K, N: PERIOD });
  const variant = overlay(choice, { conditions: { ...weightConditions(dtype), X_VEC4: K % QUAD === 0 } });
  const ours = await dispatchOf(device, matmul, tensors, {}, variant);
  return {
    ours: { name: ours.label, dispatches: [ours] },
    controls:
      K % QUAD === 0
        ? [...(await dots(device, tensors, controls)), ...(await splits(device, owned, tensors, controls))]
        : [],
    cost: matmul.cost({ M, K, N }, variant),
    out: tensors.out,
    // Each of the two may be off by the bound, in whichever order it adds.
    tolerance: (i) => {
      const [m, n] = [Math.floor(i / N), i % N];
      return 2 * sumBound(sums[m * PERIOD + (n % PERIOD)]! + Math.abs(bias[n]!), K);
    },
  };
}

async function dots(device: Device, tensors: MatmulTensors, { freeDot }: Controls): Promise<Contestant[]> {
  const ROWS = Math.min(tensors.x.shape[0] ?? 0, MAX_ROWS);
  const sizes = sizesFor(device).dots.flatMap((each) => quadsOfK(ROWS).map((K_QUADS) => ({ ...each, K_QUADS, ROWS })));
  const possible = sizes.filter((constants) => canRun(freeDot, device.traits, { constants }));
  const made: Contestant[] = [];
  for (const constants of possible) {
    const { QUADS, LANES, K_QUADS } = constants;
    const dispatch = await dispatchOf(device, freeDot, tensors, {}, { constants });
    made.push({ name: `free_dot QUADS=${QUADS} LANES=${LANES} K_QUADS=${K_QUADS}`, dispatches: [dispatch] });
  }
  return made;
}

async function splits(
  device: Device,
  owned: DisposableStack,
  { out, ...tensors }: MatmulTensors,
  { freeSplit, freeSum }: Controls,
): Promise<Contestant[]> {
  const [M = 0, K = 0] = tensors.x.shape;
  const [, N] = tensors.w.shape;
  const ROWS = Math.min(M, MAX_ROWS);
  const made = new Map<string, Contestant>();
  const sizes = sizesFor(device);
  for (const LANES of sizes.splitLanes) {
    const ofOnePart = ceilDiv(N, QUAD * LANES) * ceilDiv(M, ROWS);
    for (const K_QUADS of quadsOfK(ROWS)) {
      for (const workgroups of sizes.workgroups) {
        const step = QUAD * K_QUADS;
        const span = roundUp(ceilDiv(K, Math.max(1, Math.floor(workgroups / ofOnePart))), step);
        const Z = ceilDiv(K, span);
        const name = `free_split Z=${Z} LANES=${LANES} K_QUADS=${K_QUADS}`;
        if (made.has(name)) continue;
        const partials = Z === 1 ? out.view([1, M, N]) : owned.use(Tensor.create(device, name, 'f32', [Z, M, N]));
        const constants = { ROWS, K_QUADS, LANES };
        const first = await dispatchOf(device, freeSplit, { ...tensors, partials }, { span }, { constants });
        const second = Z === 1 ? [] : [await dispatchOf(device, freeSum, { partials, out }, {})];
        made.set(name, { name, dispatches: [first, ...second] });
      }
    }
  }
  return [...made.values()];
}
