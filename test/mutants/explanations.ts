// Reasons why mutants survive, by shader and fault: an equivalent mutant is no gap, a missed one is. A test fails on a
// reason that fits no mutant.
import type { Mutant } from './mutants.ts';

/** Reason why some mutants survive. */
export interface Explanation {
  readonly shader: string;
  /** Matches `operator: line → line with the fault`. */
  readonly fault: RegExp;
  /** False where another adapter could tell the mutant from the shader: it counts as missed. */
  readonly isEquivalent: boolean;
  readonly reason: string;
}

type Pair = readonly [fault: RegExp, reason: string];

const SAME_LANES = 'all lanes hold the same, and would write the same';
const MASKED_READ = 'reads after a row are masked, and nothing computed of them is written';
const ROUNDING = 'weights are rounded by 2^-31 in place of 2^-32, within the tolerance';
const EMPTY_SPLIT = 'the first split, or tile of a split, multiplies it by exp(MASKED - max) = 0';
const ESTIMATE = 'an estimate decides how much work there is';
const STRIPS_ONLY = 'strips decide how much work there is';
const UNUSED_CANDIDATES = 'candidates are used where they are, or not';
const EARLY_END = 'the search goes on where it could end, to the same token';
const SERIES = 'less than the few units in the last place that are promised';
const NO_ORDER = 'maxima, and sums of integers, have no order';
const WRITTEN = 'every element is written before it is read';
const REDUNDANT = 'the rest of the condition says the same';
const IN_ORDER = 'subgroups run one after another here, up to a barrier; seen where a later one overtakes the first';

/** No input within the kernel's contract tells these from the shader. */
const EQUIVALENT: Readonly<Record<string, readonly Pair[]>> = {
  activation: [
    [/limit dropped: .*-EXP_LIMIT\)/, 'where x is not replaced by 0 or x, the argument stays above the limit'],
    [/limit dropped: let z = /, 'the tail is 0 long before'],
  ],
  adjust_logits: [
    [/x > 0\.0.* → .*x >= 0\.0/, 'zero over and zero times are zero'],
    [
      /: if \(lane == 0u && .* → if \((lane == \(0u \+ 1\)|lane != 0u|) ?&? ?&? newest/,
      'any lane may write it, or all',
    ],
    [/NO_ID = \(0xffffffffu - 1\)/, 'no id is as great'],
    [/→ atomicStore\(&has_entry, \(1u \+ 1\)\)/, 'any number but 0 says so'],
    [/→ .*rows\[row (- FIRST_ENTRY)?\] \+ lane/, 'FIRST_ENTRY is 0'],
  ],
  attention_inputs: [
    [/: var components = /, 'components after D meet the zeros after a cached key'],
    [/: let row = queries\.token \+ min\(/, MASKED_READ],
  ],
  attention_shared: [
    [/reset removed: var (p|tile|rows|k) = /, WRITTEN],
    [/reset removed: var split = /, EMPTY_SPLIT],
    [/order reversed: .*tile\.m\[r\] = max\(/, NO_ORDER],
    [/index < splits\.y.* → .*(<= splits|splits\.y \+ 1)/, 'a split after the last has no key that any row sees'],
    [/first_key < end_key.* → .*(<= end_key|end_key \+ 1)/, 'a tile of no keys changes nothing'],
    [/j < num_keys && .* → .*(j <= num_keys|num_keys \+ 1|\(0\.0, p, +sees)/, REDUNDANT],
    [/: rows\[n\] = key_row\(queries, first_key \+ min.* → .*first_key \+ (j|min\(j, num_keys *\))/, MASKED_READ],
  ],
  attention_subgroup: [
    [/order reversed: for \(var n = 1; n < Q_PER_LANE/, 'one of them is selected, wherever it stands'],
  ],
  attention_softmax: [
    [
      /queries\.last \/ .* → .*(\* SPLIT_KEYS|1u \+ 1|queries\.last +\+ 1u)/,
      'a split after the last has no key that any row sees',
    ],
    [/: let words = kv\[start \+ min\(lane/, MASKED_READ],
    [/: if \(lane == 0u\)/, SAME_LANES],
    [/: if \(!sees\(.*\|\| u32\(r\) >= queries\.count/, 'query tiles of splits have one row'],
    [/let visible = ROWS == 1 \|\| .* → let visible = +sees/, REDUNDANT],
  ],
  attention_fold: [[/: var folded(_sum)? = 0\.0/, EMPTY_SPLIT]],
  attention_naive: [
    [/: var dot = 0\.0/, 'softmax does not change when all scores grow by the same'],
    [/order reversed/, 'the order of its sums is not promised'],
  ],
  embed: [
    [/u32\(id\) < params\.first \|\| .* → if \( n >=/, REDUNDANT],
    [/factor dropped: .*signed_byte\(word, c \)/, 'shifts count modulo 32'],
  ],
  exp_ln: [
    [/SQRT_HALF_BITS = .*[+-] 1\)/, 'either end of the range of m is as good'],
    [/: let n = .* → .*\(0\.5 \* 1\.01\)/, 'the n beside the nearest leaves an r that the series still takes'],
    [/constant perturbed: var series = fma\(-r/, SERIES],
    [/(constant perturbed|fma cut): var series = fma\(z2/, SERIES],
    [/→ var series = fma\(z2, (1\.0 \* 11\.0|1\.0 |\(11\.0\) \/ \(1\.0\)), /, SERIES],
    [/constant perturbed: series = fma\(z2, series, 1\.0 \/ 7\.0\)|→ series = \(1\.0 \/ 7\.0\)/, SERIES],
  ],
  kv_write: [[/: .*qkv\[source \+ min\(d/, MASKED_READ]],
  layernorm: [[/operands swapped: let d = /, 'd is only squared']],
  layernorm_naive: [
    [
      /order reversed: for \(var c = 0u; .*(sum \+= |\{ →)/,
      'no order of its sums is promised, and the bound holds for any',
    ],
    [/: let d = .* → let d = \(mean\)/, 'd is squared'],
  ],
  logprobs: [
    [/→ .*UNIT( \)|\), 0u| - 0\.5| \+ \(0\.5 \* 1\.01\))/, ROUNDING],
    [/QUIET_NAN = \(0x7fc00000u [+-] 1\)/, 'NaN, too'],
    [/: let is_least = .* > 0\.5/, 'the distance is the least f32 then, either way'],
    [/: let is_least = .* → .*LARGEST [+-] 1\)/, 'LARGEST is the same with 1 more or less'],
    [/: var greatest = /, 'a number of that magnitude is finite'],
    [/MAGNITUDE = \(0x7fffffffu - 1\)/, 'exponents alone are compared'],
    [/: if \(lane == 0u\)/, SAME_LANES],
    [
      /: if \(token\.id == mine\.id\).* → if \(true\)/,
      'a lane finds its best token again, and writes the words of the others',
    ],
    [/NO_ID = \(0xffffffffu - 1\)/, 'no id is as great, nor the key of a finite logit'],
    [/statement removed: clear_buckets/, 'workgroup memory is zero at first'],
    [/id > last\.id.* → .*\(last\.id \+ 1\)/, 'the ids of a lane are LANES apart'],
    [/: var best = Token\(0u, .* → .*\(0u \+ 1\)/, 'no finite number has a key below 0x800000'],
    [/: let best = best_of_all\(0u, .* → .*\(0u \+ 1\)/, 'the best token has rank 1, too'],
    [/UNIT = \(0x1p31 \* 1\.01\)/, 'the sum is divided by it again'],
    [/limit dropped: .*min\(params\.V, MAX_TOP\)/, 'no row may ask for more than MAX_TOP'],
  ],
  matmul: [[/: var xs = /, WRITTEN]],
  matmul_epilogue: [[/→ .*(\(params\.H \* params\.D - 1\)|\(params\.N - 1\)\) \{)/, 'all three are multiples of four']],
  matmul_inputs: [
    [/(limit|term) dropped: .*min\((row|k|k \+ i), params\.[MK]/, MASKED_READ],
    [/constant perturbed: .*min\((row|k|k \+ i), params\.[MK] - \([14]u - 1\)/, MASKED_READ],
    [/→ .*min\((row|k|k \+ i), (params\.[MK] \+ [14]u|\([14]u\) - \(params\.[MK]\))/, MASKED_READ],
    [/(limit|term) dropped: .*min\(tile, /, MASKED_READ],
    [/→ .*min\(tile, (\(TILE\)|\(\(1u\) - |\(params\.N \+ TILE - 1u\) \/ TILE \+)/, MASKED_READ],
    [/→ .*select\(1\.0, x\[/, 'what comes of x after K meets the zeros that w is padded with'],
    [/: var (quad|rows) = /, WRITTEN],
  ],
  matmul_shared: [
    [/: var rows = /, WRITTEN],
    [/: const QUADS = .* → .*K_TILE( ;| \/ \(4 - 1\))/, 'rounds of more k give the same sums'],
    [/: for \(var k = 0u; .* → .*(k <= params\.K|params\.K \+ 1)/, 'a round after the last has no quads'],
  ],
  matmul_subgroup: [
    [
      /: const X_LOADS = .* → .*(\(1 - 1\)|- 1\) ;|\* X_ROWS|X_ROWS (\+ 1)?\) \/ X_ROWS)/,
      'no lane is asked for what the last loads bring',
    ],
    [/: let quads = .* → .*QUADS == \(1 - 1\)/, 'of a round of one quad the minimum is one, too'],
  ],
  probe_fma: [[/order reversed/, 'the loop only counts its turns']],
  probe_load: [[/order reversed/, NO_ORDER]],
  probe_read: [[/order reversed/, NO_ORDER]],
  float_order: [
    [/bits > \(SIGN \+ 1\)/, 'adapters may take the smallest number for 0'],
    [/key >= \(SIGN - 1\)/, 'no number has that key: the zeros are equal'],
  ],
  radix_select: [
    [/order reversed/, NO_ORDER],
    [/index ± 1: atomicStore\(/, 'all buckets are cleared: an index off the end is clamped to the other one'],
    [/: return min\(to_f32\(crossing/, ESTIMATE],
    [/: return 32u - .* → return 32u - DIGIT_BITS ;/, 'the digits before the first are zeros'],
  ],
  sample: [
    [/: if \(lane == 0u\)/, SAME_LANES],
    [/: if \(scales\.by_strip\) \{ \*tokens = .* → if \(false/, UNUSED_CANDIDATES],
    [/: let of_top_k = /, STRIPS_ONLY],
    [/: var range = .* → .*(TOP_K\) [+-] 1\]|Range\(\(0u|\(0u \+ 1\)\))/, 'more strips are picked than are needed'],
    [/STRIPS_OF_TOP_K = \(1u\) - /, 'TOP_K is 1'],
    [/: if \(is_random\) \{ cut = Cut\(0u, /, 'no finite logit has key 0'],
    [/conjunct dropped: let reach = .*-ln\(min_p\), +min_p/, 'greedy keeps the best token alone'],
    [/top_k > 0u && .* → .*(<= params\.allowed|params\.allowed \+ 1|top_k > 0u \))/, 'top-k of all keeps all'],
    [/words [+-] TEMPERATURE|\[words \]/, 'TEMPERATURE is 0'],
    [/is_random = finite && .* → .*is_random = +!greedy/, 'the draw of a row that is not finite is not written'],
  ],
  sample_digits: [
    [/: if \(lane == 0u\)/, SAME_LANES],
    [/conjunct dropped: if \(told\.w == 0u/, EARLY_END],
    [/: let least = .* → .*(select\(tie_key, word|!\(by_id\))/, EARLY_END],
    [/: let several = .*(sum\.y >= 0u|least \/ \(2u \+ 1\))/, EARLY_END],
    [
      /: span = .*(\(1u\) - \(params\.allowed\)|allowed( ;|.*\(1u - 1\)))/,
      'the search starts from more ids than there are',
    ],
    [/is_sought && is_kept.* → if \(is_sought \)/, 'tokens that were dropped lie after the end that is sought'],
  ],
  sample_draw: [[/id < drawn.* → .*(id <= drawn|drawn \+ 1)/, 'the id is taken for itself']],
  sample_estimate: [
    [/: if \(lane == 0u\)/, SAME_LANES],
    [
      /: (let (end = select|turn =|bucket =|slack|need = scale\(total|first = find|last =|bucket_end)|if \((slot < STRIPS|to_f32\(need))/,
      ESTIMATE,
    ],
    [
      /: (var (times|fraction|low = key_in|high = key_in)|times = |return (key_of\(row\.best|select\(SPARSITY))/,
      ESTIMATE,
    ],
    [/limit dropped: (low = clamp|message = vec4u\(low, clamp)/, 'keys beyond those that are kept hold no token'],
    [/: (if \(key > cut\.key\)|key = key_of\(logits\[row\.logits \+ turn)/, ESTIMATE],
    [/: (const (SPARSITY|FINENESS|SLACK)|.*part_of_weight\(row, logit, by_mass\) \* times)/, ESTIMATE],
    [/: var key = 0u/, WRITTEN],
  ],
  sample_naive: [
    [/order reversed: .*< params\.allowed; id/, NO_ORDER],
    [/: var id = params\.allowed - 1u/, 'the search may begin at any greater id'],
    [/: cut = Cut\(0u, 0u\);/, 'no finite logit has so low a key'],
    [/: if \(top_p < 1\.0\)/, 'all the weight leaves out tokens of no weight alone, which are not drawn'],
    [/: if \(top_k > 0u && .* → if \(top_k > 0u \)/, 'a need beyond all tokens leaves all'],
    [/: if \(finite && !greedy\)/, 'a row that is not finite gets no token, whatever its filters leave'],
    [/condition fixed: if \(min_p >= .* → if \(true\)/, 'ln(0) leaves every distance'],
  ],
  sample_range: [
    [/: if \(lane == 0u\)/, SAME_LANES],
    [
      /: let ends = array\(.* → let ends = array\(expected\.x \+ 1u/,
      'any keys may part the row: the sums say which part it is',
    ],
    [/: if \(is_noting && (key|part)[^→]* → if \((is_noting && key >= expected\.x \)|false)/, UNUSED_CANDIDATES],
  ],
  sample_row: [
    [/: if \(by_mass\).* → .*UNIT( \)|\);| - 0\.5| \+ \(0\.5 \* 1\.01\))/, ROUNDING],
    [/NO_ID = \(0xffffffffu - 1\)/, 'no id is as great'],
    [
      /limit dropped: return min\(min\(row\.best.* → return min\(row\.best - logit, FAR\) \*/,
      'a token at infinity is not drawn either',
    ],
    [/DRAWN = \(2u \+ 1\)|BROKEN = \(4u - 1\)/, 'the complement of an id is greater than any magnitude'],
  ],
  sample_strips: [
    [/: if \(lane == 0u\).* → if \((?!lane == 0u\))/, SAME_LANES],
    [/: for \(var strip = lane; .* → .*(strip <= STRIPS|STRIPS \+ 1)/, 'a strip after the last holds no ids'],
    [/: const FEW = /, STRIPS_ONLY],
    [/: return \(params\.V .* → .*(STRIPS \+ 1u|STRIPS \)|\(1u - 1\)|- 1u\) ;)/, STRIPS_ONLY],
    [/: if \(strip_maxima.* → if \((true|.*\(low - 1)/, STRIPS_ONLY],
    [/Cut\(\(0u \+ 1\), NO_ID\)/, 'no finite number has a key below 0x800000'],
  ],
  sample_tokens: [
    [/free < CANDIDATES.* → .*(<= CANDIDATES|CANDIDATES \+ 1)/, 'the lane is crowded then: candidates are not used'],
    [
      /: if \(free < CANDIDATES \+ LANES\).* → if \((false|free < CANDIDATES( - LANES| )\)|free < \(CANDIDATES \+ LANES - 1)/,
      UNUSED_CANDIDATES,
    ],
    [/: \*free \+= LANES|statement removed: if \(free < CANDIDATES/, UNUSED_CANDIDATES],
    [/: const CANDIDATES = .* → .*(\+|-) 1\)/, 'the room for candidates decides how much work there is'],
  ],
};

/** Faults that these adapters hide. */
const MISSED: Readonly<Record<string, readonly Pair[]>> = {
  adjust_logits: [
    [/barrier removed/, IN_ORDER],
    [/conjunct dropped: if \(\(flags & SEEN\).* → if \(\(flags & SEEN\) != 0u \)/, 'division by 1 is exact here'],
  ],
  embed: [[/: if \(id < 0\).* → .*(<= 0|0 \+ 1)/, 'a read before the array gives 0 here, which is the id']],
  logprobs: [[/barrier removed/, IN_ORDER]],
  matmul_shared: [
    [/barrier removed/, IN_ORDER],
    [/: for \(var i = lane; i < u32\(TILES\).* → .*(i <= u32|TILE_VEC4 \+ 1\))/, IN_ORDER],
  ],
  matmul_subgroup: [
    [
      /: let quads = .* → .*(\(3u \+ 1\)|\(4u - 1\))/,
      'a quad too many adds zeros, but where four k of x are one load in a round that is left in part',
    ],
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
  sample: [[/barrier removed/, IN_ORDER]],
  sample_digits: [[/barrier removed/, IN_ORDER]],
  sample_estimate: [[/barrier removed/, IN_ORDER]],
  sample_range: [[/barrier removed/, IN_ORDER]],
  sample_row: [[/barrier removed/, IN_ORDER]],
  sample_tokens: [
    [
      /: if \(\*free < CANDIDATES\) .* → if \((true|\*free < \(CANDIDATES - 1\))|→ if \(free < \(CANDIDATES \+ LANES \+ 1\)/,
      'seen where one lane is full to its last slot, others are crowded, and the cut lies beside those tokens',
    ],
  ],
};

export const EXPLANATIONS: readonly Explanation[] = [EQUIVALENT, MISSED].flatMap((table) =>
  Object.entries(table).flatMap(([shader, pairs]) =>
    pairs.map(([fault, reason]) => ({ shader, fault, reason, isEquivalent: table === EQUIVALENT })),
  ),
);

/** Finds the reason why a mutant survived; null when there is none. */
export function explain({ shader, operator, before, after }: Mutant): Explanation | null {
  const text = `${operator}: ${before} → ${after}`;
  return EXPLANATIONS.find((known) => known.shader === shader && known.fault.test(text)) ?? null;
}
