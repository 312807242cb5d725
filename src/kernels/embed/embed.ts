// Embedding: the rows of tokens, alone or with those of their positions. It reads the table in the tiles of the LM head, so that a
// tied model holds one matrix.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, readPacked, type Sizes, type VariantOf, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';
import { F32_CONDITIONS } from '../weights/weight-tiles.ts';

const bindings = {
  token_ids: read.i32('T'),
  next_tokens: read.i32('X'),
  wte: readPacked('C', 'N'),
  out: write('T', 'C'),
};

const common = {
  shader: 'embed',
  params: { T: 'u32', C: 'u32', N: 'u32', first: 'u32' },
  defaults: { first: 0 },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ T, C }: Sizes<'T' | 'C'>, { overrides: { LANES } }: VariantOf<never, never, 'LANES'>) =>
    [ceilDiv(C, LANES), T, 1] as const,
} as const;

/**
 * out[t, c] = wte[id, c] + wpe[positions[t], c] for tokens whose id lies in [first, first + N). A negative entry i of
 * token_ids means next_tokens[−1 − i]. wte[N, C] is stored as the LM head is: a PackedWeight of K = C and N.
 */
export const embed = defineKernel({
  ...common,
  name: 'embed',
  bindings: { ...bindings, positions: read.i32('T'), wpe: read('Y', 'C') },
  conditions: () => ({ ...F32_CONDITIONS, POSITIONS: true }),
  supports: ({ conditions: { POSITIONS } }) => (POSITIONS ? null : 'POSITIONS is false, expected true'),
  // An element takes its token's id and position, too.
  cost: ({ T, C }) => ({ bytes: 12 * T * C, loads: 4 * T * C, flops: T * C }),
});

/** As `embed`, without positions: out[t, c] = wte[id, c]. */
export const embedTokens = defineKernel({
  ...common,
  name: 'embed_tokens',
  bindings,
  conditions: () => ({ ...F32_CONDITIONS, POSITIONS: false }),
  supports: ({ conditions: { POSITIONS } }) => (POSITIONS ? 'POSITIONS is true, which only embed can be' : null),
  cost: ({ T, C }) => ({ bytes: 8 * T * C, loads: 2 * T * C, flops: 0 }),
});
