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
  /** Rows that share a load of weights, at most those of x. */
  readonly rows: readonly number[];
  /** Quads of columns and lanes of a workgroup of `freeDot`. */
  readonly dots: readonly Readonly<Record<'QUADS' | 'LANES', number>>[];
  /** Lanes of a workgroup of `freeSplit`. */
  readonly splitLanes: readonly number[];
  /** Workgroups that K is cut for. */
  readonly workgroups: readonly number[];
}

const GPU_SIZES: ControlSizes = {
  rows: [8, 16],
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
  rows: [8],
  dots: [
    { QUADS: 1, LANES: 8 },
    { QUADS: 2, LANES: 32 },
    { QUADS: 8, LANES: 8 },
    { QUADS: 8, LANES: 32 },
  ],
  splitLanes: [8, 32],
  workgroups: [1, 16],
};

/** Sizes that both controls have in common, each of one lane. */
type LaneSizes = Readonly<Record<'ROWS' | 'K_QUADS', number>>;

/** Lists rows and quads of k that a lane loads at a time for M rows: of k fewer for several rows, which leaves registers for x. */
function laneSizes(device: Device, M: number): readonly LaneSizes[] {
  const rows = new Set(sizesFor(device).rows.map((most) => Math.min(most, M)));
  return [...rows].flatMap((ROWS) => (ROWS === 1 ? [4, 8] : [1, 2]).map((K_QUADS) => ({ ROWS, K_QUADS })));
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
  const lanes = laneSizes(device, tensors.x.shape[0] ?? 0);
  const sizes = lanes.flatMap((each) => sizesFor(device).dots.map((workgroup) => ({ ...each, ...workgroup })));
  const made: Contestant[] = [];
  for (const constants of sizes.filter((each) => canRun(freeDot, device.traits, { constants: each }))) {
    const dispatch = await dispatchOf(device, freeDot, tensors, {}, { constants });
    made.push({ name: nameOf('free_dot', constants), dispatches: [dispatch] });
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
  const { splitLanes, workgroups } = sizesFor(device);
  const lanes = laneSizes(device, M).flatMap((each) => splitLanes.map((LANES) => ({ ...each, LANES })));
  const made: Contestant[] = [];
  for (const constants of lanes) {
    const { ROWS, K_QUADS, LANES } = constants;
    const ofOnePart = ceilDiv(N, QUAD * LANES) * ceilDiv(M, ROWS);
    const spanFor = (count: number) => roundUp(ceilDiv(K, Math.max(1, Math.floor(count / ofOnePart))), QUAD * K_QUADS);
    for (const span of new Set(workgroups.map(spanFor))) {
      const Z = ceilDiv(K, span);
      const name = nameOf('free_split', { Z, ...constants });
      const partials = Z === 1 ? out.view([1, M, N]) : owned.use(Tensor.create(device, name, 'f32', [Z, M, N]));
      const first = await dispatchOf(device, freeSplit, { ...tensors, partials }, { span }, { constants });
      const second = Z === 1 ? [] : [await dispatchOf(device, freeSum, { partials, out }, {})];
      made.push({ name, dispatches: [first, ...second] });
    }
  }
  return made;
}

function nameOf(control: string, sizes: Readonly<Record<string, number>>): string {
  return [control, ...Object.entries(sizes).map(([name, size]) => `${name}=${size}`)].join(' ');
}
