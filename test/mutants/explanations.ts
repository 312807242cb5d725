import type { Mutant } from './mutants.ts';

/** Why mutants survive. */
export interface Explanation {
  readonly shader: string;
  readonly operators: readonly string[];
  /** Found in the line without and with the fault. */
  readonly before: RegExp;
  readonly after?: RegExp;
  /** False where another adapter could tell the mutant from the shader: it counts as missed. */
  readonly isEquivalent: boolean;
  readonly reason: string;
}

const READS = ['limit dropped', 'term dropped', 'constant perturbed', 'operands swapped', 'arithmetic changed'];
const GUARDS = ['mask inverted', 'condition fixed', 'comparison flipped', 'constant perturbed'];
const BOUNDS = ['comparison flipped', 'bound ± 1', 'constant perturbed', 'term dropped', 'arithmetic changed'];

function equivalent(
  shader: string,
  operators: readonly string[],
  before: RegExp,
  reason: string,
  after?: RegExp,
): Explanation {
  return { shader, operators, before, reason, isEquivalent: true, ...(after && { after }) };
}

function hiddenRace(shader: string, before: RegExp, reason: string): Explanation {
  return { shader, operators: ['barrier removed'], before, reason, isEquivalent: false };
}

const IN_ORDER = 'subgroups run one after another here, up to a barrier; seen where a later one overtakes the first';

export const EXPLANATIONS: readonly Explanation[] = [
  equivalent(
    'activation',
    ['limit dropped'],
    /fma\(-z, z, p\), -EXP_LIMIT/,
    'where x is not replaced by 0 or x, the argument stays above the limit',
  ),

  equivalent('attention', ['reset removed'], /var (rows|k|p|rescale) = /, 'every element is written before it is read'),
  equivalent('attention', ['reset removed'], /var running_max = /, 'the next line sets every element'),
  equivalent(
    'attention',
    ['reset removed'],
    /var (o|running_sum) = /,
    'the first tile of a split multiplies them by exp(MASKED - max) = 0',
  ),
  equivalent('attention', ['reset removed'], /var quad = /, 'components behind D meet the zeros behind a cached key'),
  equivalent('attention', ['order reversed'], /tile_max = max\(/, 'a maximum has no order'),
  equivalent(
    'attention',
    BOUNDS,
    /split < end_split|let end_split = last/,
    'a split behind the last has no key that any row sees',
    /<= end_split|end_split \+ 1|1u \+ 1/,
  ),
  equivalent(
    'attention',
    READS,
    /tile \+ min\(j, tile_keys - 1u\)/,
    'keys behind the last one are masked, whatever stands for them',
  ),
  equivalent('attention', READS, /kv\[start \+ min\(lane/, 'components behind the row are not written'),
  equivalent('attention', GUARDS, /if \(lane == 0u\)/, 'all lanes hold the same numbers'),

  equivalent(
    'attention_fold',
    ['initial value changed', 'constant perturbed'],
    /var folded(_sum)? = 0\.0/,
    'the first split multiplies it by exp(MASKED - max) = 0',
  ),
  equivalent(
    'attention_naive',
    ['initial value changed', 'constant perturbed'],
    /var dot = 0\.0/,
    'softmax does not change when all scores grow by the same',
  ),

  equivalent(
    'kv_write',
    READS,
    /qkv\[source \+ min\(d/,
    'what is read behind the row is masked',
    /min\(|\[source \+ d/,
  ),
  equivalent('layernorm', ['operands swapped'], /let d = x\[row \+ c\] - mean/, 'd is only squared'),
  equivalent(
    'logprobs',
    ['term dropped'],
    /\* UNIT \+ 0\.5/,
    'weights are rounded by 2^-31 in place of 2^-32, within the tolerance',
  ),
  equivalent(
    'matmul',
    READS,
    /min\((row \+ r|k0|xk)/,
    'what is read behind a row is masked, and rows behind the last are not written',
  ),

  equivalent('radix_select', ['order reversed'], /sum = add\(sum/, 'sums of integers have no order'),
  equivalent(
    'radix_select',
    ['index ± 1'],
    /atomicStore\(&(low|high)_words\[bucket\]/,
    'all buckets are cleared: an index off the end is clamped to the other one',
  ),

  equivalent(
    'sample',
    ['term dropped'],
    /\* UNIT \+ 0\.5/,
    'weights are rounded by 2^-31 in place of 2^-32, within the tolerance',
  ),
  equivalent('sample', GUARDS, /if \(lane == 0u\)/, 'all lanes would write the same'),
  equivalent(
    'sample',
    [...BOUNDS, 'operands swapped', 'conjunct dropped'],
    /while \(octave < OCTAVES - 1u/,
    'the last octave reaches whatever is needed, but for rounding',
  ),
  equivalent(
    'sample',
    ['factor dropped', 'term dropped', 'limit dropped', 'min and max swapped', 'constant perturbed'],
    /key_of\(row\.best - min\(|max\(key, row\.worst_key\)/,
    'where an octave ends decides how much work there is, not what is kept',
  ),
  equivalent(
    'sample',
    BOUNDS,
    /if \(free < CANDIDATES\)/,
    'the lane has found too many by then, and candidates are not used',
    /<= CANDIDATES|CANDIDATES \+ 1/,
  ),
  equivalent(
    'sample',
    ['index ± 1'],
    /key >= ends\[NEAR\]/,
    'more candidates are noted than are needed',
    /NEAR\) \+ 1/,
  ),
  equivalent(
    'sample',
    ['conjunct dropped'],
    /told\.w == 0u \|\| \(by_id/,
    'the search goes on where it could end, to the same token',
  ),
  equivalent(
    'sample',
    BOUNDS,
    /top_k < params\.allowed/,
    'top-k of all that is allowed keeps all',
    /<= params\.allowed|params\.allowed \+ 1/,
  ),
  equivalent('sample', ['arithmetic changed', 'term dropped'], /words \+ TEMPERATURE/, 'TEMPERATURE is 0'),

  equivalent('probe_fma', ['order reversed'], /r < params\.ROUNDS/, 'r only counts the rounds'),
  equivalent('probe_read', ['order reversed'], /r < params\.ROUNDS/, 'sums of integers have no order'),
  equivalent(
    'sample',
    ['constant perturbed'],
    /var best = Cut\(0u, NO_ID\)/,
    'no finite number has a key below 0x800000',
    /0u \+ 1/,
  ),

  hiddenRace('logprobs', /workgroupBarrier/, IN_ORDER),
  hiddenRace('adjust_logits', /workgroupBarrier/, IN_ORDER),
  hiddenRace('sample', /workgroupBarrier/, IN_ORDER),
];

/** Why a mutant that survived did, or null. */
export function explain(mutant: Mutant): Explanation | null {
  const known = EXPLANATIONS.find(
    ({ shader, operators, before, after }) =>
      shader === mutant.shader &&
      operators.includes(mutant.operator) &&
      before.test(mutant.before) &&
      (after?.test(mutant.after) ?? true),
  );
  return known ?? null;
}
