// The one way in which finished splits of a softmax are put together, in prefill, chunk and decode alike: in ascending order,
// where there are groups those of a group first, then the groups. To maximum m and sum l come those of a split, m' and l':
// n = max(m, m'), l = l exp(m - n) + l' exp(m' - n). A sum of values goes like l.

// Finite stand-in for minus infinity: the maximum over nothing.
const MASKED = -1e30;
// Keys of one split: running maxima and sums restart at every absolute multiple.
const SPLIT_KEYS = u32(constants::SPLIT_KEYS);
// Splits of a group.
@if(GROUP_KEYS) const GROUP_SPLITS = u32(constants::GROUP_KEYS / constants::SPLIT_KEYS);

// Factors of the accumulated and of the new split.
fn fold_weights(accumulated_max: f32, split_max: f32) -> vec2f {
  let n = max(accumulated_max, split_max);
  return vec2f(exp(accumulated_max - n), exp(split_max - n));
}

fn fold(accumulated: f32, split: f32, weights: vec2f) -> f32 {
  return fma(accumulated, weights.x, split * weights.y);
}

fn fold4(accumulated: vec4f, split: vec4f, weights: vec2f) -> vec4f {
  return fma(accumulated, vec4f(weights.x), split * weights.y);
}
