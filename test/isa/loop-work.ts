// Turns of the loops of a decode step's kernels: machine code does not state them, for their bounds are sizes. A loop is
// declared by the words that a lane loads in all its turns; the words of one turn are read from the code, so that a
// declaration stays true where a compiler unrolls the loop.
import type { Dims } from '../../src/gpu/kernel-spec.ts';
import { SPLIT_KEYS, TILE_KEYS } from '../../src/kernels/attention/attention.ts';
import { RoseinferError } from '../../src/util/errors.ts';
import { ceilDiv } from '../../src/util/math.ts';
import type { Launch } from './launches.ts';
import { loopsOf, memoryOutsideLoops } from './loops.ts';
import type { CompiledShader } from './shader-dump.ts';

/** Sizes of a dispatch by name; reading one that it does not have throws. */
type SizeOf = (name: string) => number;

/** Words that a lane loads in a loop over a dispatch. @param context tokens that each sequence attends to. */
type Words = (size: SizeOf, context: number) => number;

/** The loops of a kernel that wait for memory, in the order of their first blocks; what a loop inside loads is not its own. */
interface KernelLoops {
  readonly loops: readonly Words[];
  /** Loops after those that the compiler makes of some variants only. */
  readonly optional?: readonly Words[];
  /** Loops after those run in no decode step that takes the most likely id. */
  readonly othersRest?: true;
}

/** Strips that the sampler divides a row of logits into: `STRIPS` of shaders/sample_strips.wgsl. */
export const STRIPS = 1024;
/** Lanes that share a row of a layer norm: `WIDTH` of shaders/layernorm.wgsl. */
export const NORM_LANES = 32;

const NO_LOOPS: KernelLoops = { loops: [] };

// Four columns of a lane, two words for each k of f16; x comes by X_LANES lanes together.
const matmulLoops: KernelLoops = {
  loops: [(size) => 2 * size('TILES') * size('K') + (size('ROWS') * size('K')) / size('X_LANES')],
  // The bias of each column, where its loop is not unrolled.
  optional: [(size) => 4 * size('TILES')],
};

/** A lane takes a key of each tile, then four components of all its values. */
const attentionLoops = (keys: (context: number) => number): KernelLoops => {
  const tiles = (context: number) => ceilDiv(keys(context), TILE_KEYS);
  return {
    loops: [
      // The block table.
      (_, context) => tiles(context),
      (size, context) => tiles(context) * size('W'),
      (_, context) => tiles(context) * TILE_KEYS * 4,
    ],
  };
};

const KERNELS: Readonly<Record<string, KernelLoops>> = {
  embed: NO_LOOPS,
  gather_rows: NO_LOOPS,
  kv_write: NO_LOOPS,
  layernorm: {
    // Sum, squares, and the row with gamma and beta.
    loops: [1, 1, 3].map((tensors) => (size: SizeOf) => (tensors * size('C')) / NORM_LANES),
  },
  matmul: matmulLoops,
  matmul_kv_write: matmulLoops,
  attention: attentionLoops((context) => context),
  attention_split: attentionLoops((context) => Math.min(context, SPLIT_KEYS)),
  attention_fold: { loops: [(_, context) => ceilDiv(context, SPLIT_KEYS)] },
  sample: {
    loops: [(size) => (ceilDiv(size('V'), STRIPS) * STRIPS) / size('LANES')],
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
 * @throws UnknownLoopsError for a kernel that is not declared, or has another number of loops that wait for memory.
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
  const words = declaredWords(declared, waiting.length);
  if (words === null) {
    const found = waiting.map((loop) => loop.label).join(', ');
    const expected = `${declared.loops.length} declared in loop-work.ts`;
    throw new UnknownLoopsError(`${label}: the loops that wait for memory are [${found}], expected the ${expected}`);
  }
  const inLoops = words.map((of, index) => {
    const { memory } = waiting[index]!;
    return memory.waits * Math.ceil(of(sizeIn(label, sizes), context) / memory.words);
  });
  return { inLoops, total: inLoops.reduce((sum, waits) => sum + waits, memoryOutsideLoops(blocks).waits) };
}

/** The declarations of a number of loops, or null where there are others. */
function declaredWords({ loops, optional = [], othersRest }: KernelLoops, count: number): readonly Words[] | null {
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
