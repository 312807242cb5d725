// Turns of the loops of a step's kernels: machine code does not state them, for their bounds are sizes. A loop is
// declared by its turns and by the words that a lane loads in one: code that loads others has changed, and is refused
// until its declaration has, too.
import type { Dims } from '../../src/gpu/kernel-spec.ts';
import { TILE_KEYS } from '../../src/kernels/attention/attention.ts';
import { NORM_HELD, NORM_PARTS } from '../../src/kernels/layernorm/layernorm.ts';
import { TILE } from '../../src/kernels/weights/weight-tiles.ts';
import { RoseinferError } from '../../src/util/errors.ts';
import { ceilDiv } from '../../src/util/math.ts';
import type { Launch } from './launches.ts';
import type { ShaderMemory } from './shader-memory.ts';

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
  /** Each number of loops that the compiler makes of a variant, for it unrolls some. */
  readonly forms: readonly (readonly DeclaredLoop[])[];
  /** Loops after those run in no step that takes the most likely id. */
  readonly othersRest?: true;
}

/** Strips that the sampler divides a row of logits into: `STRIPS` of shaders/sample_strips.wgsl. */
export const STRIPS = 1024;

const NO_LOOPS: KernelLoops = { forms: [[]] };

/**
 * k of a turn: of a round of chunks where lanes lie over k, of a slice where a workgroup shares tiles, else as many quads as
 * X_LANES lanes load for all rows together.
 */
function turnOfK(size: SizeOf): number {
  if (size('QUADS') > 0) return (size('LANES') / size('QUADS')) * size('CHUNK');
  return size('K_TILE') > 0 ? size('K_TILE') : 4 * Math.max(size('X_LANES') / size('ROWS'), 1);
}

/** k of a matmul's sums that one lane takes, of the chunks that it stands in for included. */
export function kOfLane({ K = 0, QUADS = 0, LANES = 0, CHUNK = 0 }: Dims): number {
  return QUADS > 0 ? ceilDiv(K, (LANES / QUADS) * CHUNK) * CHUNK : K;
}

/** Words of four columns of a weight matrix at one k. */
function wordsOfQuad(size: SizeOf): number {
  if (size('W_Q4')) return 0.5;
  if (size('W_Q8') || size('W_Q8_32')) return 1;
  return size('W_F16') ? 2 : 4;
}

/** Words of a lane in a turn: its columns, its share of x, and the scales and minimums of their groups. */
function wordsOfTurn(size: SizeOf): number {
  const [QUADS, ROWS] = [size('QUADS'), size('ROWS')];
  const scales = size('W_Q4') ? 8 : size('W_Q8') || size('W_Q8_32') ? 4 : 0;
  if (QUADS > 0) return size('CHUNK') * (wordsOfQuad(size) + ROWS / QUADS) + scales;
  if (size('K_TILE') > 0) return wordsOfSlice(size) + scales;
  return turnOfK(size) * (wordsOfQuad(size) * size('TILES') + ROWS / size('X_LANES'));
}

/** Words that a lane loads for its workgroup of a slice: quads of x, and vectors of w that groups of lanes share out. */
function wordsOfSlice(size: SizeOf): number {
  const K_TILE = size('K_TILE');
  const quadsOfColumns = (size('TILES') * TILE) / 4;
  const quadsOfX = (size('ROWS') * K_TILE) / 4 / quadsOfColumns;
  const vectorsOfW = ceilDiv((K_TILE * wordsOfQuad(size)) / 4, size('LANES') / quadsOfColumns);
  return 4 * (quadsOfX + vectorsOfW);
}

const loopOverK: DeclaredLoop = {
  // A workgroup that shares tiles adds a slice in the turn after the one that loads it.
  turns: (size) => ceilDiv(size('K'), turnOfK(size)) + (size('K_TILE') > 0 ? 1 : 0),
  words: wordsOfTurn,
};
/** The bias of each column, where its loop is not unrolled. */
const loopOverBias: DeclaredLoop = { turns: (size) => 4 * size('TILES'), words: () => 1 };
const matmulLoops: KernelLoops = { forms: [[loopOverK], [loopOverK, loopOverBias]] };

/** Quads of a row that a lane of a matmul's norm loads at once: `LOADS` of shaders/matmul_norm.wgsl. */
export const NORM_LOADS = 4;

/** The parts of a norm's sum, and those of its squares: in a loop of their own where the compiler unrolls that over both. */
const loopOverParts: DeclaredLoop = {
  turns: (size) => ceilDiv(NORM_PARTS / 4, size('LANES')) * ceilDiv(size('K'), NORM_PARTS * NORM_LOADS),
  words: (size) => 4 * NORM_LOADS * size('ROWS'),
};

/** With gamma and beta of a lane's quads. */
const loopOverNormedK: DeclaredLoop = {
  turns: (size) => ceilDiv(size('K'), turnOfK(size)),
  words: (size) => wordsOfTurn(size) + (2 * size('CHUNK')) / size('QUADS'),
};
const rmsnormMatmulLoops: KernelLoops = {
  forms: [[loopOverParts, { ...loopOverNormedK, words: (size) => wordsOfTurn(size) + size('CHUNK') / size('QUADS') }]],
};
const normMatmulLoops: KernelLoops = {
  forms: [
    [{ ...loopOverParts, turns: (size, context) => 2 * loopOverParts.turns(size, context) }, loopOverNormedK],
    [loopOverParts, loopOverParts, loopOverNormedK],
  ],
};

/** The loops over keys that lie side by side: an entry of the block table, then a key, then a tile's values. */
function attentionLoops(keys: (size: SizeOf, context: number) => number): KernelLoops {
  const spans = (size: SizeOf, context: number) => ceilDiv(keys(size, context), size('LANES'));
  // A lane takes a vector of each value of its tile.
  const values: DeclaredLoop = {
    turns: (size, context) => spans(size, context) * ceilDiv(TILE_KEYS, size('LOADS')),
    words: (size) => 4 * size('LOADS'),
  };
  const key: DeclaredLoop = {
    turns: (size, context) => spans(size, context) * ceilDiv(size('W') / 4, size('LOADS')),
    words: (size) => 4 * size('LOADS'),
  };
  return {
    forms: [
      [{ turns: spans, words: (size) => 1 + size('W') + 4 * TILE_KEYS }],
      [{ turns: spans, words: (size) => 1 + size('W') }, values],
      [{ turns: spans, words: () => 1 }, key, values],
    ],
  };
}

const KERNELS: Readonly<Record<string, KernelLoops>> = {
  embed: NO_LOOPS,
  embed_tokens: NO_LOOPS,
  gather_rows: NO_LOOPS,
  mask_logits: {
    // A word of the mask, and a logit.
    forms: [[{ turns: (size) => ceilDiv(size('IDS') * size('LANES'), Math.max(size('LANES'), 32)), words: () => 2 }]],
  },
  kv_write: NO_LOOPS,
  layernorm: {
    // Sum, squares, and the row with gamma and beta, of what lanes do not hold.
    forms: [
      [1, 1, 3].map((tensors) => ({
        turns: (size) => Math.max(ceilDiv(size('C'), NORM_PARTS) - NORM_HELD, 0),
        words: () => tensors,
      })),
    ],
  },
  rmsnorm: {
    // Squares, and the row with gamma, of what lanes do not hold.
    forms: [
      [1, 2].map((tensors) => ({
        turns: (size) => Math.max(ceilDiv(size('C'), NORM_PARTS) - NORM_HELD, 0),
        words: () => tensors,
      })),
    ],
  },
  rope_kv_write: {
    // An element of a head and of its angles.
    forms: [[{ turns: (size) => ceilDiv(size('D'), size('LANES')), words: () => 2 }]],
  },
  matmul: matmulLoops,
  matmul_kv_write: matmulLoops,
  norm_matmul: normMatmulLoops,
  norm_matmul_kv_write: normMatmulLoops,
  rmsnorm_matmul: rmsnormMatmulLoops,
  attention: attentionLoops((_, context) => context),
  attention_split: attentionLoops((size, context) => Math.min(context, size('SPLIT_KEYS'))),
  attention_fold: {
    forms: [
      [
        {
          turns: (size, context) => ceilDiv(context, size('SPLIT_KEYS') * size('LOADS')),
          words: (size) => size('LOADS'),
        },
      ],
    ],
  },
  sample: {
    // The maxima of the lane's strips.
    forms: [
      [
        {
          turns: (size) => (STRIPS / size('LANES')) * ceilDiv(ceilDiv(size('V'), STRIPS), size('LOADS')),
          words: (size) => size('LOADS'),
        },
      ],
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
 * @param memory use of memory by the dispatch's shader.
 * @param context tokens that each sequence attends to.
 * @throws UnknownLoopsError for a kernel that is not declared, and for one whose loops that wait for memory are not those that
 * are declared.
 */
export function waitsOf(
  { label, kernel, sizes }: Pick<Launch, 'label' | 'kernel' | 'sizes'>,
  memory: ShaderMemory,
  context: number,
): Waits {
  const declared = KERNELS[kernel];
  if (declared === undefined)
    throw new UnknownLoopsError(`${label}: loop-work.ts does not declare the loops of ${kernel}`);
  const form = formFor(declared, memory.loops.length);
  if (form === undefined) {
    const expected = `${declared.forms.map(({ length }) => length).join(' or ')} declared in loop-work.ts`;
    throw new UnknownLoopsError(
      `${label}: loops that wait for memory are ${memory.loops.length} (${describeLoops(memory)}), expected the ${expected}`,
    );
  }
  const size = sizeIn(label, sizes);
  const inLoops = form.map(({ turns, words }, index) => {
    const found = memory.loops[index]!;
    const expected = words(size);
    if (found.words === expected) return found.waits * turns(size, context);
    const loads = `loop ${index + 1} of those that wait loads ${found.words} words a turn`;
    throw new UnknownLoopsError(`${label}: ${loads}, expected the ${expected} declared in loop-work.ts`);
  });
  return { inLoops, total: inLoops.reduce((sum, waits) => sum + waits, memory.outside.waits) };
}

function describeLoops({ loops }: ShaderMemory): string {
  return loops.map(({ words, waits }) => `${words} words in ${waits} waits`).join(', ');
}

/** The declarations of a number of loops, or undefined where there are others. */
function formFor({ forms, othersRest }: KernelLoops, count: number): readonly DeclaredLoop[] | undefined {
  return forms.find(({ length }) => length === count || (othersRest && length < count));
}

function sizeIn(label: string, sizes: Dims): SizeOf {
  return (name) => {
    const size = sizes[name];
    if (size === undefined) throw new UnknownLoopsError(`${label}: has no size ${name}`);
    return size;
  };
}
