// Reasons why mutants of the shaders of the sampler survive.
import {
  CLAMPED,
  IN_ORDER,
  NO_ORDER,
  REDUNDANT,
  ROUNDING,
  SAME_LANES,
  type SurvivorTable,
  WRITTEN,
} from './reasons.ts';

const ESTIMATE = 'an estimate decides how much work there is';
const STRIPS_ONLY = 'strips decide how much work there is';
const UNUSED_CANDIDATES = 'candidates are used where they are, or not';
const EARLY_END = 'the search goes on where it could end, to the same token';
const GREEDY = 'greedy keeps the best token alone';
const SMALL_MIN_P = 'what min-p as small leaves out has no weight and, in f32, no probability';
const ANY_PART = 'the search may part what is left anywhere';
const ZERO_DIGITS = 'the digits before the first are zeros';
const BESIDE_RANGE = 'seen where a token has the very key beside those that are expected';

export const SAMPLER: SurvivorTable = {
  equivalent: {
    radix_select: [
      [/order reversed/, NO_ORDER],
      [/index ± 1: atomicStore\(/, 'all buckets are cleared: an index off the end is clamped to the other one'],
      [/: return min\(to_f32\(crossing/, ESTIMATE],
      [/: return 32u - .* → return (32u - DIGIT_BITS ;|\(32u \+ 1\)|.*\(32u - 1\) - DIGIT_BITS\);)/, ZERO_DIGITS],
      [
        /→ const (DIGIT_BITS = |BUCKETS = \(1u \+ 1\))/,
        'digits of another width, or buckets that no digit has, lead to the same token',
      ],
      [/: for \(var bucket = lane.* → .*(bucket <= BUCKETS|BUCKETS \+ 1)/, 'the last bucket is cleared, too'],
      [/: while \(bucket > .* → while \(bucket > group +&&/, 'a bucket of the group is reached'],
      [/: (var sum = vec2u|for \(var group = 0u; .*sum = add)/, ESTIMATE],
    ],
    sample: [
      [/: if \(lane == 0u\)/, SAME_LANES],
      [/: if \(scales\.by_strip\) \{ \*tokens = .* → if \(false/, UNUSED_CANDIDATES],
      [/: if \(scales\.by_strip\) \{ \*tokens = .* → if \((true|!\()/, UNUSED_CANDIDATES],
      [/: let of_top_k = /, STRIPS_ONLY],
      [
        /: var range = .* → .*(TOP_K\) [+-] 1\]|row\.sampling \]|Range\(\(0u|\(0u \+ 1\)\))/,
        'more strips are picked than are needed',
      ],
      [/: if \(range\.low.* → if \((range\.low (- range\.span)? *==|false)/, UNUSED_CANDIDATES],
      [/limit dropped: let key = max\(end\.key/, 'a range does not begin below the cut'],
      [/: let row = .*\(1\.0 \* 1\.01\)/, GREEDY],
      [/: var tokens = .*\(0u \+ 1\)|: let filter_end = .* → .*select\(\(0u \+ 1\)/, GREEDY],
      [
        /: let reach = .* → .*(min_p > SMALLEST_NORMAL|SMALLEST_NORMAL - 1\)|, is_random \)|is_random \|\|)/,
        SMALL_MIN_P,
      ],
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
        /: let several = .* → .*(sum\.x >= least|least \/ 2u - 1\)|least - least|sum\.x > least ;|\(crossing\.sum\.x > 0u|several = crossing\.sum\.x > 0u)/,
        EARLY_END,
      ],
      [/: var tie_key = /, WRITTEN],
      [/: if \(by_strip\) \{ key = .* → .*\(slot\) - 1/, NO_ORDER],
      [/: let is_sought = .* → let is_sought = +word - low/, REDUNDANT],
      [
        /: span = .*(\(1u\) - \(params\.allowed\)|allowed( ;| \+ 1u|.*\(1u - 1\)))/,
        'the search starts from more ids than there are',
      ],
      [/is_sought && is_kept.* → if \(is_sought \)/, 'tokens that were dropped lie after the end that is sought'],
    ],
    sample_draw: [
      [/id < drawn.* → .*(id <= drawn|drawn \+ 1)/, 'the id is taken for itself'],
      [
        /: if \(gumbel_bound.* → if \((gumbel_bound\(u\) - distance (> score|>= \(score - 1)|gumbel_bound\(u\) (\+ distance)? *>=|true)/,
        'the bound is above the noise: it decides how much work there is',
      ],
    ],
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
      [
        /: (clear_buckets|sum_groups|key = strip_maxima|low = bucket_end|high = row|low = clamp|message = |if \(by_mass|for \(var slot)/,
        ESTIMATE,
      ],
    ],
    sample_naive: [
      [/order reversed: .*< params\.allowed; id/, NO_ORDER],
      [/: var id = params\.allowed - 1u/, 'the search may begin at any greater id'],
      [/: cut = Cut\(0u, 0u\);/, 'no finite logit has so low a key'],
      [/: if \(top_p < 1\.0\)/, 'all the weight leaves out tokens of no weight alone, which are not drawn'],
      [
        /: if \(top_k > 0u && .* → if \(top_k > 0u (\)|&& top_k (<= params|< \(params\.allowed \+ 1))/,
        'a need beyond all tokens leaves all',
      ],
      [/: let middle = .* → .*(\(2u \+ 1\);|middle = lowest_id ;)/, ANY_PART],
      [/: let row = .*\(1\.0 \* 1\.01\)/, GREEDY],
      [/: if \(min_p >= .* → if \(min_p (> SMALLEST|>= \(SMALLEST_NORMAL - 1)/, SMALL_MIN_P],
      [/: var drawn = /, 'of a row that is finite the best token is taken, at least'],
      [/: if \(finite && !greedy\)/, 'a row that is not finite gets no token, whatever its filters leave'],
      [/condition fixed: if \(min_p >= .* → if \(true\)/, 'ln(0) leaves every distance'],
    ],
    sample_range: [
      [/: if \(lane == 0u\)/, SAME_LANES],
      [
        /: let ends = array\(.* → let ends = array\((expected\.x \+ 1u|expected\.y (- 1u)? *,|expected\.y \+ \(1u - 1\))/,
        'any keys may part the row: the sums say which part it is',
      ],
      [/→ const PARTS = \(3u \+ 1\)/, CLAMPED],
      [
        /: for \(var part = 0u; .*add_sum.* → .*(part <= PARTS|PARTS \+ 1)/,
        'the bucket after the last part is not read',
      ],
      [
        /: if \(is_noting && key.* → if \((is_noting && key >= \(expected\.x - 1|.*key <= \(expected\.y \+ 1|is_noting +&& key <= expected\.y)/,
        'candidates that are not sought are passed over',
      ],
      [
        /: if \(part > 0u\) \{ need.* → if \((part >= 0u|true)/,
        'the last bucket, which stands in for the one before the first, is empty',
      ],
      [/: if \(part > 0u\) \{ high.* → if \((part >= 0u|true)/, 'keys above the best hold no token'],
      [/: message = .*\(0u \+ 1\)/, 'that word is not read'],
      [/: if \(is_noting && (key|part)[^→]* → if \((is_noting && key >= expected\.x \)|false)/, UNUSED_CANDIDATES],
    ],
    sample_row: [
      [/: if \(by_mass\).* → .*UNIT( \)|\);| - 0\.5| \+ \(0\.5 \* 1\.01\))/, ROUNDING],
      [/NO_ID = \(0xffffffffu - 1\)/, 'no id is as great'],
      [/: const UNIT = /, 'all weights grow by the same'],
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
      [
        /: for \(var first = ids\.x; .* → .*(first <= ids|ids\.y \+ 1)/,
        'a turn after the last has no id below the end',
      ],
      [/: return \(params\.V .* → .*(STRIPS \+ 1u|STRIPS \)|\(1u - 1\)|- 1u\) ;|\(1u\) - )/, STRIPS_ONLY],
      [/: if \(strip_maxima.* → if \((true|.*\(low - 1)/, STRIPS_ONLY],
      [/Cut\(\(0u \+ 1\), NO_ID\)/, 'no finite number has a key below 0x800000'],
      [/MAGNITUDE = \(0x7fffffffu - 1\)/, 'exponents alone are compared'],
      [/: var broken = /, 'a number of that magnitude is finite'],
      [/constant perturbed: var maximum = /, STRIPS_ONLY],
      [/: (maximum = max.* → (maximum = (maximum;|min\()|$)|strip_maxima\[strip\] = maximum; → $)/, STRIPS_ONLY],
      [/: if \(key_of\(.* → if \(true/, STRIPS_ONLY],
      [/: if \(lane == 0u\) \{ message = .*\(0u \+ 1\)\); \}/, 'that word is not read'],
    ],
    wide_sums: [[/: let scaled = .*\(1\.0 \* 1\.01\)/, 'it is rounded down to 1']],
    sample_tokens: [
      [/free < CANDIDATES.* → .*(<= CANDIDATES|CANDIDATES \+ 1)/, 'the lane is crowded then: candidates are not used'],
      [
        /: if \(free < CANDIDATES \+ LANES\).* → if \((false|free < CANDIDATES( - LANES| )\)|free < \(CANDIDATES \+ LANES - 1)/,
        UNUSED_CANDIDATES,
      ],
      [/: \*free \+= LANES|statement removed: if \(free < CANDIDATES/, UNUSED_CANDIDATES],
      [/: const CANDIDATES = .* → .*(\+|-) 1\)/, 'the room for candidates decides how much work there is'],
    ],
  },
  missed: {
    sample: [[/barrier removed/, IN_ORDER]],
    sample_digits: [[/barrier removed/, IN_ORDER]],
    sample_estimate: [[/barrier removed/, IN_ORDER]],
    sample_range: [
      [/barrier removed/, IN_ORDER],
      [/: let ends = .* → .*expected\.y \+ \(1u \+ 1\)/, BESIDE_RANGE],
      [/: if \(is_noting && key.* → if \(is_noting && key (> expected|>= \(expected\.x \+ 1)/, BESIDE_RANGE],
      [/: if \(part > 0u\) \{ high.* → .*(ends\[part - 1u\] (\+ 1u)? *;|- \(1u - 1\); )/, BESIDE_RANGE],
      [
        /: while \(ends.* → while \((ends\[part\] > \(cut\.key \+ 1\)|ends\[part\] >= cut| !at_least)/,
        'seen where a sum, rounded to 24 bits, is more than all, or the expected keys begin just after the cut',
      ],
    ],
    sample_strips: [
      [/: if \(key_of\(.* → .*\(low - 1\)/, 'seen where fewer strips than top-k hold tokens'],
      [/: return \(params\.V .* → .*\* STRIPS/, 'seen where products wrap around to an id: of more than 8,192'],
    ],
    sample_row: [[/barrier removed/, IN_ORDER]],
    sample_tokens: [
      [
        /: if \(\*free < CANDIDATES\) .* → if \((true|\*free < \(CANDIDATES - 1\))|→ if \(free < \(CANDIDATES \+ LANES \+ 1\)/,
        'seen where one lane is full to its last slot, others are crowded, and the cut lies beside those tokens',
      ],
    ],
  },
};
