// Turns of the loops of a decode step's kernels: machine code does not state them, for their bounds are sizes. A loop is
// declared by its turns and by the words that a lane loads in one: code that loads others has changed, and is refused
// until its declaration has, too.
import type { Dims } from '../../src/gpu/kernel-spec.ts';
import { TILE_KEYS } from '../../src/kernels/attention/attention.ts';
import { NORM_HELD, NORM_PARTS } from '../../src/kernels/layernorm/layernorm.ts';
import { RoseinferError } from '../../src/util/errors.ts';
import { ceilDiv } from '../../src/util/math.ts';
import type { Launch } from './launches.ts';
import { loopsOf, memoryOutsideLoops } from './loops.ts';
import type { CompiledShader } from './shader-dump.ts';

/** Sizes of a dispatch by name; reading one that it does not have throws. */
type SizeOf = (name: string) => number;

/** A loop of a dispatch. */
interface DeclaredLoop {
  /** Turns of one wave. @param context tokens that each sequence attends to. */
  turns(size: SizeOf, context: number): number;
  /** Words that a lane loads in a turn, those of loops inside left out. */
  words(size: SizeOf): number;
}

/** The loops of a kernel that wait for memory, in the order of their first blocks. */
interface KernelLoops {
  readonly loops: readonly DeclaredLoop[];
  /** Loops after those that the compiler makes of some variants only. */
  readonly optional?: readonly DeclaredLoop[];
  /** Loops after those run in no decode step that takes the most likely id. */
  readonly othersRest?: true;
}

/** Strips that the sampler divides a row of logits into: `STRIPS` of shaders/sample_strips.wgsl. */
export const STRIPS = 1024;

const NO_LOOPS: KernelLoops = { loops: [] };

/** k of a turn: of a round of chunks where lanes lie over k, else as many quads as X_LANES lanes load for all rows together. */
const turnOfK = (size: SizeOf) =>
  size('QUADS') > 0 ? (size('LANES') / size('QUADS')) * size('CHUNK') : 4 * Math.max(size('X_LANES') / size('ROWS'), 1);

/** k of a matmul's sums that one lane takes, of the chunks that it stands in for included. */
export function kOfLane({ K = 0, QUADS = 0, LANES = 0, CHUNK = 0 }: Dims): number {
  return QUADS > 0 ? ceilDiv(K, (LANES / QUADS) * CHUNK) * CHUNK : K;
}

const matmulLoops: KernelLoops = {
  loops: [
    {
      turns: (size) => Math.ceil(size('K') / turnOfK(size)),
      words: (size) => {
        const [QUADS, ROWS] = [size('QUADS'), size('ROWS')];
        // Four columns of f16, and the lane's share of x: of a chunk, or of a turn in each tile.
        return QUADS > 0
          ? size('CHUNK') * (2 + ROWS / QUADS)
          : turnOfK(size) * (2 * size('TILES') + ROWS / size('X_LANES'));
      },
    },
  ],
  // The bias of each column, where its loop is not unrolled.
  optional: [{ turns: (size) => 4 * size('TILES'), words: () => 1 }],
};

/** The loop over keys that lie side by side: an entry of the block table, then a key, then a tile's values by quads. */
const attentionLoops = (keys: (size: SizeOf, context: number) => number): KernelLoops => ({
  loops: [
    {
      turns: (size, context) => ceilDiv(keys(size, context), size('LANES')),
      words: (size) => 1 + size('W') + 4 * TILE_KEYS,
    },
  ],
});

const KERNELS: Readonly<Record<string, KernelLoops>> = {
  embed: NO_LOOPS,
  gather_rows: NO_LOOPS,
  kv_write: NO_LOOPS,
  layernorm: {
    // Sum, squares, and the row with gamma and beta, of what lanes do not hold.
    loops: [1, 1, 3].map((tensors) => ({
      turns: (size) => Math.max(ceilDiv(size('C'), NORM_PARTS) - NORM_HELD, 0),
      words: () => tensors,
    })),
  },
  matmul: matmulLoops,
  matmul_kv_write: matmulLoops,
  attention: attentionLoops((_, context) => context),
  attention_split: attentionLoops((size, context) => Math.min(context, size('SPLIT_KEYS'))),
  attention_fold: {
    loops: [
      {
        turns: (size, context) => ceilDiv(context, size('SPLIT_KEYS') * size('LOADS')),
        words: (size) => size('LOADS'),
      },
    ],
  },
  sample: {
    // The maxima of the lane's strips.
    loops: [
      {
        turns: (size) => (STRIPS / size('LANES')) * ceilDiv(ceilDiv(size('V'), STRIPS), size('LOADS')),
        words: (size) => size('LOADS'),
      },
    ],
    othersRest: true,
  },
};

/** Error of a kernel whose loops are not those that are declared here. */
export class UnknownLoopsError extends RoseinferError {}

/** Waits for memory that come one after another in a wave of a dispatch. */
export interface Waits {
  /** Waits in each declared loop, over all its turns. */
  readonly inLoops: readonly number[];
  /** With those outside loops. */
  readonly total: number;
}

/**
 * Counts the waits of a dispatch.
 *
 * @param context tokens that each sequence attends to.
 * @throws UnknownLoopsError for a kernel that is not declared, and for one whose loops that wait for memory are not those that
 * are declared.
 */
export function waitsOf(
  { label, kernel, sizes }: Pick<Launch, 'label' | 'kernel' | 'sizes'>,
  { blocks }: Pick<CompiledShader, 'blocks'>,
  context: number,
): Waits {
  const declared = KERNELS[kernel];
  if (declared === undefined)
    throw new UnknownLoopsError(`${label}: loop-work.ts does not declare the loops of ${kernel}`);
  const waiting = loopsOf(blocks).filter(({ memory }) => memory.waits > 0);
  const loops = loopsFor(declared, waiting.length);
  if (loops === null) {
    const found = waiting.map((loop) => loop.label).join(', ');
    const expected = `${declared.loops.length} declared in loop-work.ts`;
    throw new UnknownLoopsError(`${label}: the loops that wait for memory are [${found}], expected the ${expected}`);
  }
  const size = sizeIn(label, sizes);
  const inLoops = loops.map(({ turns, words }, index) => {
    const { label: at, memory } = waiting[index]!;
    const expected = words(size);
    if (memory.words === expected) return memory.waits * turns(size, context);
    const loads = `the loop at ${at} loads ${memory.words} words a turn`;
    throw new UnknownLoopsError(`${label}: ${loads}, expected the ${expected} declared in loop-work.ts`);
  });
  return { inLoops, total: inLoops.reduce((sum, waits) => sum + waits, memoryOutsideLoops(blocks).waits) };
}

/** The declarations of a number of loops, or null where there are others. */
function loopsFor({ loops, optional = [], othersRest }: KernelLoops, count: number): readonly DeclaredLoop[] | null {
  if (count < loops.length) return null;
  if (othersRest || count === loops.length) return loops;
  return count === loops.length + optional.length ? [...loops, ...optional] : null;
}

function sizeIn(label: string, sizes: Dims): SizeOf {
  return (name) => {
    const size = sizes[name];
    if (size === undefined) throw new UnknownLoopsError(`${label}: has no size ${name}`);
    return size;
  };
}
