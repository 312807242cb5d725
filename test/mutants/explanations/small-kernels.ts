// Reasons why mutants of the shaders of kernels that are one file, and of common modules survive.
import {
  IN_ORDER,
  MASKED_READ,
  NO_ORDER,
  REDUNDANT,
  type Reasons,
  ROUNDING,
  SAME_LANES,
  type SurvivorTable,
} from './reasons.ts';

const SERIES = 'less than the few units in the last place that are promised';

/** Survivors of the norms whose lanes hold a part of a row each. */
const WIDE_NORM: Reasons = [
  [
    /: let c = min\(.* → let c = (lane \+ i \* PARTS|min\(.*(params\.C (\+ 1u)?|\(1u\) - \(params\.C\)|\(1u - 1\))\));/,
    MASKED_READ,
  ],
  [
    /→ for \(var i = 0u; i (<= HELD|< \(HELD \+ 1\)); i\+\+\) \{/,
    'an element after the last held one does not exist, and its column is written after',
  ],
];

export const SMALL_KERNELS: SurvivorTable = {
  equivalent: {
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
    mask_logits: [
      [
        /: for \(var i = 0u; .* → .*(i <= IDS \* LANES|\(IDS \* LANES [+-] 1\));/,
        'steps are of whole words, and an id that is masked twice is masked alike',
      ],
      [
        /: if \(first >= params\.V\).* → if \((first > params\.V|first >= \(params\.V \+ 1\)|false)\)/,
        'ids from V on are left out again where they are stored',
      ],
      [
        /: let step = max\(.* → let step = (LANES|min\(LANES, WORD_BITS\));/,
        'a word is read again for each id, or an id masked twice',
      ],
    ],
    layernorm: [[/operands swapped: let d = /, 'd is only squared']],
    layernorm_naive: [
      [
        /order reversed: for \(var c = 0u; .*(sum \+= |\{ →)/,
        'no order of its sums is promised, and the bound holds for any',
      ],
      [/: let d = .* → let d = \(mean\)/, 'd is squared'],
    ],
    layernorm_wide: [...WIDE_NORM, [/: let d = .* → let d = .*\(mean\) - \(x/, 'd is only squared']],
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
      [
        /→ for \(var first = lane; first (<= params\.V|< \(params\.V \+ 1\))/,
        'a turn of ids after the last finds a logit of the row in their place, and none of them counts',
      ],
      [/order reversed/, NO_ORDER],
    ],
    norm_parts: [
      [/: const HELD = /, 'what is not held is loaded once more, to the same bits'],
      [
        /: if \(lane < GROUPS\) .* → if \((true|lane <= GROUPS|lane < \(GROUPS \+ 1\))\)/,
        'a group after the last one is that, to read and to write',
      ],
    ],
    pool_hidden: [[/→ .*rows\[row (- FIRST)?\]; t < end/, 'FIRST is 0']],
    probe_fma: [[/order reversed/, 'the loop only counts its turns']],
    probe_load: [[/order reversed/, NO_ORDER]],
    probe_read: [[/order reversed/, NO_ORDER]],
    rmsnorm_naive: [[/order reversed: .*squares \+=/, 'no order of its sum is promised, and the bound holds for any']],
    rmsnorm_wide: WIDE_NORM,
    float_order: [
      [/bits > \(SIGN \+ 1\)/, 'adapters may take the smallest number for 0'],
      [/key >= \(SIGN - 1\)/, 'no number has that key: the zeros are equal'],
    ],
  },
  missed: {
    edit_rows: [
      [
        /→ for \(var r = global\.y; r (<= params\.R|< \(params\.R \+ 1\))/,
        'the word after the list is no row, and this adapter drops the write',
      ],
    ],
    print: [
      [
        /: if \(line >= /,
        'this adapter discards what is stored beyond a buffer, where another stores in its last word',
      ],
    ],
    adjust_logits: [
      [/barrier removed/, IN_ORDER],
      [/conjunct dropped: if \(\(flags & SEEN\).* → if \(\(flags & SEEN\) != 0u \)/, 'division by 1 is exact here'],
    ],
    embed: [[/: if \(id < 0\).* → .*(<= 0|0 \+ 1)/, 'a read before the array gives 0 here, which is the id']],
    layernorm_wide: [
      [
        /order reversed: for \(var i = 0u; i < HELD; i\+\+\) \{ →/,
        'of the two sums the first alone is taken in its order',
      ],
    ],
    logprobs: [[/barrier removed/, IN_ORDER]],
  },
};
