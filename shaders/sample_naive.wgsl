import package::exp_ln::ln;
import package::float_order::key_of;
import package::gumbel::gumbel;
import package::sample_draw::noise;
import package::sample_row::{
  FAR, LANES, MIN_P, Row, SMALLEST_NORMAL, TEMPERATURE, TOKEN_SLOT, TOP_K, TOP_P, WORDS, distance_of, logits, sampling,
  weight_of
};
import package::sample_tokens::{Cut, is_kept};
import package::wide_sums::{add, at_least, scale};

// Draws a token from each row of logits: temperature, top-k, top-p, min-p, then
//   id = argmax over kept ids of logits[r, id] / temperature + gumbel(u(seed, position, id)), the lowest id on a tie.
//   logits[R, V], sampling[R, WORDS] (see sample_row), next_tokens[X], sampled[R, 2] = (id, 1), or (0, 0) where a logit of the
//   row is not finite. Ids from `allowed` on are never drawn.
// The plain way, to learn from and to judge sample by: one step after another, each a loop over the row. Softmax turns logits
// into weights; a filter keeps the most likely tokens until their weights reach what it needs; noise then decides among them.
// Weights are integers, so their sums are exact, and its ids are those of sample.
// One lane a row; grid: (R / LANES).

@group(0) @binding(2) var<storage, read_write> next_tokens: array<i32>;
@group(0) @binding(3) var<storage, read_write> sampled: array<vec2u>;

const EXPONENT = 0x7f800000u;

// The weight of the tokens that both cuts keep.
fn weight_within(row: Row, first: Cut, second: Cut, by_mass: bool) -> vec2u {
  var sum = vec2u(0u);
  for (var id = 0u; id < params.allowed; id++) {
    let logit = logits[row.logits + id];
    let key = key_of(logit);
    if (is_kept(first, key, id) && is_kept(second, key, id)) {
      sum = add(sum, vec2u(weight_of(row, logit, by_mass), 0u));
    }
  }
  return sum;
}

// The first cut, from the best token down, whose tokens reach the need; found by halving what it may be.
fn tighter(row: Row, cut: Cut, need: vec2u, by_mass: bool) -> Cut {
  // The greatest key whose tokens, with all greater ones, reach it.
  var key = cut.key;
  var greatest_key = row.best_key;
  while (key < greatest_key) {
    let middle = greatest_key - (greatest_key - key) / 2u;
    if (at_least(weight_within(row, cut, Cut(middle, params.V), by_mass), need)) {
      key = middle;
    } else {
      greatest_key = middle - 1u;
    }
  }
  // Only the lowest ids of the tokens with that key are needed.
  var id = params.allowed - 1u;
  var lowest_id = 0u;
  while (lowest_id < id) {
    let middle = lowest_id + (id - lowest_id) / 2u;
    if (at_least(weight_within(row, cut, Cut(key, middle), by_mass), need)) {
      id = middle;
    } else {
      lowest_id = middle + 1u;
    }
  }
  return Cut(key, id);
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let r = global.x;
  if (r >= params.R) { return; }
  let start = r * params.V;
  let words = r * WORDS;

  // The most likely token, the lowest id among equals; and is every logit finite?
  var best = 0u;
  var finite = true;
  for (var id = 0u; id < params.V; id++) {
    let logit = logits[start + id];
    if ((bitcast<u32>(logit) & EXPONENT) == EXPONENT) { finite = false; }
    if (id < params.allowed && key_of(logit) > key_of(logits[start + best])) { best = id; }
  }

  // Temperature: distances from the best logit are divided by it; 0 is greedy and keeps the best token alone.
  let temperature = bitcast<f32>(sampling[words + TEMPERATURE]);
  let greedy = temperature < SMALLEST_NORMAL;
  let best_logit = logits[start + best];
  let row = Row(start, words, select(temperature, 1.0, greedy), best_logit, key_of(best_logit), best);
  var cut = Cut(row.best_key, best);
  var reach = FAR;
  if (finite && !greedy) {
    cut = Cut(0u, 0u);
    // Top-k: the first k tokens.
    let top_k = sampling[words + TOP_K];
    if (top_k > 0u && top_k < params.allowed) { cut = tighter(row, cut, vec2u(top_k, 0u), false); }
    // Top-p: the first tokens that have the fraction p of the weight that is left.
    let top_p = bitcast<f32>(sampling[words + TOP_P]);
    if (top_p < 1.0) { cut = tighter(row, cut, scale(weight_within(row, cut, cut, true), top_p), true); }
    // Min-p: exp(-distance) is at least p.
    let min_p = bitcast<f32>(sampling[words + MIN_P]);
    if (min_p >= SMALLEST_NORMAL) { reach = -ln(min_p); }
  }

  // The draw: the greatest sum of logit and noise.
  var drawn = 0u;
  var score = -FAR;
  for (var id = 0u; id < params.allowed; id++) {
    let logit = logits[start + id];
    let distance = distance_of(row, logit);
    if (distance <= reach && is_kept(cut, key_of(logit), id)) {
      let candidate = gumbel(noise(row, id)) - distance;
      if (candidate > score) {
        score = candidate;
        drawn = id;
      }
    }
  }
  if (!finite) { drawn = 0u; }
  sampled[r] = vec2u(drawn, u32(finite));
  next_tokens[sampling[words + TOKEN_SLOT]] = i32(drawn);
}
