// Reasons why mutants of the shaders of the matmul survive.
import { CLAMPED, IN_ORDER, MASKED_READ, type SurvivorTable, WRITTEN } from './reasons.ts';

const PADDED = 'what comes of x after K meets the zeros that w is padded with';

const PUT_AWAY = 'what is normed after K is put away as 0';

export const MATMUL: SurvivorTable = {
  equivalent: {
    matmul: [[/: var xs = /, WRITTEN]],
    matmul_epilogue: [
      [/→ .*(\(params\.H \* params\.D - 1\)|\(params\.N - 1\)\) \{)/, 'all three are multiples of four'],
      [/: var quad = /, WRITTEN],
      [/limit dropped: .*min\(n \+ j, params\.N/, MASKED_READ],
    ],
    matmul_inputs: [
      [/(limit|term) dropped: .*min\((row|k|k \+ i), params\.[MK]/, MASKED_READ],
      [/constant perturbed: .*min\((row|k|k \+ i), params\.[MK] - \([14]u - 1\)/, MASKED_READ],
      [/→ .*min\((row|k|k \+ i), (params\.[MK] \+ [14]u|\([14]u\) - \(params\.[MK]\))/, MASKED_READ],
      [/(limit|term) dropped: .*min\(tile, /, MASKED_READ],
      [/→ .*min\(tile, (\(TILE\)|\(\(1u\) - |\(params\.N \+ TILE - 1u\) \/ TILE \+)/, MASKED_READ],
      [
        /→ .*(select\(vec4f\(\), quad, .*<= vec4u\(params\.K|vec4u\(\(params\.K \+ 1\)\)|vec4u\(params\.K\) \+ 1)/,
        PADDED,
      ],
      [/: var (quad|rows) = /, WRITTEN],
      [/limit dropped: let chunk_k = /, 'the sums of a chunk after the last are not added'],
      [/order reversed: for \(var t = 0/, 'each tile has scales of its own'],
      [
        /→ .*min\(tile, (\(params\.N \+ TILE (- 1u\) (\*|- 1u)|- \(1u - 1\)|\+ 1u)|\(params\.N \+ TILE - 1u\) \/ TILE - \(1u - 1|\(1u\) - \(\(params)/,
        MASKED_READ,
      ],
      [/→ for \(var s = 0; s (<= SUMS|< \(SUMS \+ 1)/, 'an index off the end is clamped, to a sum that is 0 by then'],
    ],
    matmul_norm: [
      [/: var (xs|quad) = /, WRITTEN],
      [/: let quad = min\(k, .* → let quad = (k|min\(k, (params\.K|\(4u\) - \(params\.K\)) *\)) \/ 4u/, PUT_AWAY],
    ],
    matmul_chunks: [
      [/reset removed: var (xs|sums = array<vec4f, LOADS>)/, WRITTEN],
      [/→ for \(var c = 0u; c (<= count|< \(count \+ 1)/, 'a turn after the last chunk adds zeros'],
      [
        /→ .*min\(c \+ i, (count *|count \+ 1u|count - \(1u - 1\)|\(1u\) - \(count\))\)/,
        'what is loaded after the last chunk is not added',
      ],
      [
        /: if \(lane < QUADS \* u32\(ROWS\)\) \{ → if \((true|lane <= QUADS|lane < \(QUADS \* u32\(ROWS\) \+ 1\))/,
        'lanes after those that write sums have no use for theirs',
      ],
    ],
    matmul_tiles: [
      [/: const TURN = /, 'quads are added in the same order, however many are loaded together'],
      [/: const (PAD_GROUPS|MIN_GROUPS) = /, 'memory and registers that are left over hold nothing'],
      [/reset removed: var (share|rows) = /, WRITTEN],
      [/: if \(k < end\) \{ share/, 'a slice after the last is stored, but not added'],
      [
        /: part\.w_row = .* → part\.w_row = (part\.group|min\(part\.group, (WORD_ROWS( \+ 1u)? *|\(1u\) - \(WORD_ROWS\)|WORD_ROWS - \(1u - 1\))\));/,
        'groups after the rows of words store none of what they load',
      ],
      [
        /: if \(part\.group < WORD_ROWS\) \{ → if \((true|part\.group <= WORD_ROWS|part\.group < \(WORD_ROWS \+ 1\))\)/,
        'groups after the rows of words hold the last row, too',
      ],
      [/: if \(k \+ K_TILE > params\.K\) \{ → /, PADDED],
      [/→ for \(var i = 0u; i (<= X_LOADS|< \(X_LOADS \+ 1\)).*zero_after_k/, CLAMPED],
      [/: for .*zero_after_k.* → .*(X_LOADS - 1|\(0u \+ 1\)|, k \)|x_quad \)|\(4u - 1\)|\{ +\})/, PADDED],
    ],
    matmul_subgroup: [
      [
        /: const X_LOADS = .* → .*(\(1 - 1\)|- 1\) ;|\* X_ROWS|X_ROWS (\+ 1)?\) \/ X_ROWS)/,
        'no lane is asked for what the last loads bring',
      ],
      [/: let quads = .* → .*QUADS == \(1 - 1\)/, 'of a round of one quad the minimum is one, too'],
      [
        /: let quads = .* → let quads = select\((u32\(K_QUADS\), 1u|min\(u32\(K_QUADS\), \(params\.K (\+ k \+ 3u\) \/|- k \+ 3u\) (\*|\)|\/ \(4u - 1)| \+ 3u\) \/|- k \+ \(3u \+ 1))/,
        'GROUP is a multiple of a round: the rest of one meets the zeros that w is padded with',
      ],
      [/reset removed: var (xs|quads_of_x) = /, WRITTEN],
      [/factor dropped: let x_k = .*u32\(X_ROWS\) +\* 4u/, 'no lane is asked for what lanes from X_LANES on load'],
    ],
  },
  missed: {
    matmul_norm: [[/barrier removed/, IN_ORDER]],
    matmul_subgroup: [
      [/factor dropped: .*u32\(r \)/, 'subgroups of eight repeat the rows of X_LANES; one of four has no such lane'],
    ],
    matmul_epilogue: [
      [
        /conjunct dropped: if \(m >= .* → if \( slot|→ if \(m (> params|>= \(params\.M \+ 1)/,
        'a read after slot_mapping gives its last slot here, and the row that stands in is the same',
      ],
      [/: for \(var t = 0; .* → .*(t <= TILES|TILES \+ 1)/, 'the lanes of the next tile write it after that here'],
      [
        /: for \(var r = 0; .*write_kv.* → .*(r <= ROWS|ROWS \+ 1)/,
        'the workgroup of the next row writes it after that here',
      ],
    ],
  },
};
