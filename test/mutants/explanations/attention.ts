// Reasons why mutants of the shaders of attention survive.
import {
  CLAMPED,
  IN_ORDER,
  MASKED_READ,
  NO_ORDER,
  REDUNDANT,
  SAME_LANES,
  type SurvivorTable,
  WRITTEN,
} from './reasons.ts';

const EMPTY_SPLIT = 'the first split, or tile of a split, multiplies it by exp(MASKED - max) = 0';
const WHOLE_TILE = 'keys after a tile are masked: only loops get longer';
const UNSEEN = 'where a row sees no key, the score is MASKED and exp of it 0, or the whole tile or split is left out';
const LONGER = 'components after D are not written: only loops get longer';

export const ATTENTION: SurvivorTable = {
  equivalent: {
    attention_edited: [
      [
        /: if \(lane == 0u\) \{ atomicStore.* → if \((!\(lane == 0u\)|true|lane != 0u)\)/,
        'any lane may write it, or all',
      ],
      [/order reversed: .*sum = fma\(pattern/, 'no other kernel sums these: either order is within the bound'],
    ],
    attention_pattern: [
      [/(initial value changed: var greatest|constant perturbed: const MASKED)/, 'every row sees a key'],
      [/→ for \(var j = lane; j (<= params\.X|< \(params\.X \+ 1\)).*\{$/, REDUNDANT],
      [/order reversed: .*sum \+= of_lanes/, 'no other kernel sums these: either order is within the bound'],
    ],
    attention_inputs: [
      [/: var components = /, 'components after D meet the zeros after a cached key'],
      [/: let row = min\(/, MASKED_READ],
      [/: let seen = clamp\(/, MASKED_READ],
      [/: const KEYS_PER_LANE = .* → .*(LANES \+ 1\)|- 1\) (\*|;)|LANES \)|\(1 - 1\))/, WHOLE_TILE],
      [/: const KEYS_PER_LANE = .* → .*\(1 \+ 1\)/, 'one of KEYS and LANES divides the other'],
    ],
    attention_abreast: [
      [/: for \(var n = 0u; n < \(ROWS \* Q_QUADS.* → .*n <= \(ROWS/, 'the turn after the last has no quad left'],
      [/: @if\(SPLIT\) end_split = .* → .*max\(/, 'splits that others take are written twice alike'],
      [
        /→ for \(var index = .*(<= end_split|end_split \+ 1)/,
        'a split after the last has no key that any row sees; one that others take is written twice alike',
      ],
      [/→ for \(var r = 0; r (<= LANE_ROWS|< \(LANE_ROWS \+ 1\)).*MASKED/, CLAMPED],
      [
        /: let visible = .* → let visible = ((lane|j) (<= span|< \(span\.count \+ 1\)) && sees| +sees)/,
        'a key after the last of a span is seen by no row that is written',
      ],
      [/order reversed: .*(PART_KEYS|part\+\+)/, NO_ORDER],
    ],
    attention_shared: [
      [/reset removed: var (p|tile|rows|k) = /, WRITTEN],
      [/reset removed: var split = /, EMPTY_SPLIT],
      [/order reversed: .*tile\.m\[r\] = max\(/, NO_ORDER],
      [/index < splits\.y.* → .*(<= splits|splits\.y \+ 1)/, 'a split after the last has no key that any row sees'],
      [/first_key < end_key.* → .*(<= end_key|end_key \+ 1)/, 'a tile of no keys changes nothing'],
      [/j < num_keys && .* → .*(j <= num_keys|num_keys \+ 1|\(0\.0, p, +sees)/, REDUNDANT],
      [
        /: weights\[.* → .*(num_keys \)|num_keys \|\| sees\(queries, r, first_key \+ j\)|num_keys && sees\(queries, r, first_key \))/,
        UNSEEN,
      ],
      [/: let visible = .* → let visible = +sees/, REDUNDANT],
      [
        /: if \(j < KEYS\) \{ key_rows.* → if \((j <= KEYS|j < \(KEYS \+ 1\)|true)/,
        'lanes after the keys stand in for the last',
      ],
      [/: for \(var n = 0; .*k\[n\] = .* → .*(n <= KEYS_PER_LANE|KEYS_PER_LANE \+ 1)/, CLAMPED],
      [/factor dropped: @else fold_split\(/, UNSEEN],
    ],
    attention_subgroup: [
      [/order reversed: for \(var n = 1; n < /, 'one of them is selected, wherever it stands'],
      [/order reversed: for \(var n = 0; n < KEYS_PER_LANE/, NO_ORDER],
      [/reset removed: var (rows|k|p) = /, WRITTEN],
      [
        /: const Q_PER_LANE = .* → .*(LANES \+ 1\)|- 1\) (\*|;)|LANES \)|\(1 - 1\))/,
        'quads after the last are zeros, and not asked for',
      ],
      [
        /: own_q\[ROWS \* Q_PER_LANE - 1\] = .* → own_q\[(ROWS \* Q_PER_LANE( \+ 1| ?| - \(1 - 1\))|\(1\) - \(ROWS \* Q_PER_LANE\)|\(ROWS \* Q_PER_LANE - 1\) \+ 1)\]/,
        CLAMPED,
      ],
      [/: for \(var n = 1; n < ROWS.* → .*(n <= ROWS|Q_PER_LANE \+ 1\); n)/, CLAMPED],
      [/index < splits\.y.* → .*(<= splits|splits\.y \+ 1)/, 'a split after the last has no key that any row sees'],
      [/first_key < end_key.* → .*(<= end_key|end_key \+ 1)/, 'a tile of no keys changes nothing'],
      [/: for \(var n = 0; .*k\[n\] = .* → .*(n <= KEYS_PER_LANE|KEYS_PER_LANE \+ 1)/, CLAMPED],
      [
        /: for \(var n = 1; .* → for \(var n = (1; n <= [QK]|1; n < \([QK]\w+_PER_LANE \+ 1|\(1 - 1\); n < [QK])/,
        'no quad and no key lies after the last, and the first is selected again',
      ],
      [/: s\[at\] = select\(.* → .*(j <= num_keys|num_keys \+ 1|, +sees)/, REDUNDANT],
      [
        /: s\[at\] = select\(0\.0.* → .*(num_keys \)|num_keys \|\| sees\(queries, r, first_key \+ j\)|first_key \)\))/,
        UNSEEN,
      ],
      [/: for \(var step = 1u; .* → .*\(LANES - 1\); step/, 'LANES is a power of two'],
      [/factor dropped: @else fold_split\(/, UNSEEN],
    ],
    attention_softmax: [
      [
        /queries\.end \+ SPLIT_KEYS - 1u\) \/ .* → .*(\) \* SPLIT_KEYS|- 1u\) *\)|1u - 1\)|end \+ SPLIT_KEYS *\))/,
        'a split after the last has no key that any row sees',
      ],
      [/: let words = kv\[start \+ min\(lane/, MASKED_READ],
      [/: if \(lane == 0u\)/, SAME_LANES],
      [/let visible = ROWS == 1 \|\| .* → let visible = (ROWS == \(1 [+-] 1\) \|\|)? +sees/, REDUNDANT],
      [/: const VECS_PER_LANE = .* → .*(LANES \+ 1\)|- 1\) (\*|;)|LANES \)|\(1 - 1\))/, LONGER],
      [/: for \(var r = 0; .*MASKED; \} → .*(r <= ROWS|ROWS \+ 1|\(r\) - 1\])/, CLAMPED],
      [/: @if\(SPLIT\) return .* → .*\(1u \+ 1\)\)/, 'the next split is computed again, to the same numbers'],
      [/: for \(var i = 0; i < O_QUADS; i\+\+\) \{ → .*(i <= O_QUADS|O_QUADS \+ 1)/, LONGER],
    ],
    attention_fold: [
      [/: const NOTHING = /, EMPTY_SPLIT],
      [/reset removed: var next = /, WRITTEN],
      [/→ .*for \(var g = .*(<= end_split|end_split \+ 1)/, 'a group of no splits changes nothing'],
      [/→ for \(var start = .*(<= end|end \+ 1)/, 'the turn after the last has no split left'],
      [
        /: let at = .* → .*(row \+ start \+|end *\)|end \+ 1u|end - \(1u - 1\)|\(1u\) - \(end\))/,
        'what is loaded after the last split is left out',
      ],
    ],
    attention_naive: [
      [/: var dot = 0\.0/, 'softmax does not change when all scores grow by the same'],
      [/order reversed/, 'the order of its sums is not promised'],
      [/→ for \(var j = first \+ 1u;/, 'the maximum keeps exp from overflowing and cancels in the quotient'],
    ],
  },
  missed: {
    attention_abreast: [[/barrier removed/, IN_ORDER]],
    attention_pattern: [
      [
        /: if \(j < first \|\| j >= seen\) \{ continue; \}/,
        'max passes over the NaN of an unwritten slot here, and a greater maximum scales all weights alike',
      ],
    ],
  },
};
