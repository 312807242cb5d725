import package::exp_ln::{exp_minus, ln};
import package::float_order::{key_of, value_of};
import package::radix_select::{add_to_bucket, bucket_sum, clear_buckets};
import package::sample_digits::{Scales, find_digits};
import package::sample_draw::draw;
import package::sample_estimate::estimate;
import package::sample_range::{Range, find_range};
import package::sample_row::{
  FAR, LANES, MIN_P, NO_ID, Row, SMALLEST_NORMAL, TEMPERATURE, TOKEN_SLOT, TOP_K, TOP_P, UNIT, WORDS, clear_maxima, distance_of,
  logits, sampling, weight_of
};
import package::sample_strips::{FEW, STRIPS, find_candidates, read_strips};
import package::sample_tokens::{Cut, Tokens, is_kept};
import package::wide_sums::to_f32;

// Draws a token from each row of logits: temperature, top-k, top-p, min-p, then
//   id = argmax over kept ids of logits[r, id] / temperature + gumbel(u(seed, position, id)), the lowest id on a tie.
//   logits[R, V], sampling[R, WORDS] (see sample_row), next_tokens[X], sampled[R, 2] = (id, 1), or (0, 0) where a logit of the
//   row is not finite; with PROBS probs[R, V], the distribution drawn from. Ids from `allowed` on are never drawn.
// Each filter keeps a prefix of the order (logit descending, id ascending), so nothing is sorted: only the prefix's end, the
// cut, is looked for, by radix select. Top-k weighs every token 1, top-p exp((logit - best) / temperature) in fixed point.
//   row -> strips -> for each filter (estimate -> range -> digits -> cut) -> draw
// Each phase is a file of that name, sample_strips and so on, drawn in docs/sampling.md. Only maxima and integer sums cross
// lanes, so nothing depends on LANES.
// One workgroup a row; grid: (R).

@group(0) @binding(2) var<storage, read_write> next_tokens: array<i32>;
@group(0) @binding(3) var<storage, read_write> sampled: array<vec2u>;
@if(PROBS) @group(0) @binding(4) var<storage, read_write> probs: array<f32>;

// The filter before a small top-k. Filters run in ascending order; top-k and top-p go by their words of `sampling`, and this
// one has none.
const STRIPS_OF_TOP_K = TOP_K - 1u;

// The shortest prefix of what `cut` keeps that has top-k tokens, or by mass the fraction top-p of the weight; what later
// phases look through becomes less. With STRIPS_OF_TOP_K all tokens from the key on that top-k strips reach: at least top-k
// of them, and seldom many more.
fn cut_by(filter_word: u32, lane: u32, row: Row, cut: Cut, tokens: ptr<function, Tokens>) -> Cut {
  let scales = Scales(filter_word == TOP_P, filter_word == STRIPS_OF_TOP_K);
  var range = Range(0u, row.best_key, vec2u(sampling[row.sampling + TOP_K], 0u));
  var sought = *tokens;
  if (scales.by_strip) {
    sought = Tokens(STRIPS, false);
  } else {
    let expected = estimate(lane, row, cut, scales.by_mass);
    range = find_range(lane, row, cut, expected, &sought, scales.by_mass);
    if (range.low + range.span == row.best_key) { *tokens = sought; }
  }
  let end = find_digits(lane, row, cut, sought, range, scales);
  if (scales.by_strip) { *tokens = find_candidates(lane, row, end.key, *tokens); }
  // A single token at the end of `cut` may have been found by a lower word than its own.
  let key = max(end.key, cut.key);
  return Cut(key, min(end.id, select(NO_ID, cut.id, key == cut.key)));
}

@if(PROBS)
fn write_probs(lane: u32, row: Row, cut: Cut, reach: f32, finite: bool) {
  clear_buckets(lane, LANES);
  workgroupBarrier();
  for (var id = lane; id < params.allowed; id += LANES) {
    let logit = logits[row.logits + id];
    if (distance_of(row, logit) <= reach && is_kept(cut, key_of(logit), id)) {
      add_to_bucket(0u, weight_of(row, logit, true));
    }
  }
  workgroupBarrier();
  let scaling = UNIT / to_f32(bucket_sum(0u));
  for (var id = lane; id < params.V; id += LANES) {
    let logit = logits[row.logits + id];
    let distance = distance_of(row, logit);
    let is_drawn = finite && id < params.allowed && distance <= reach && is_kept(cut, key_of(logit), id);
    probs[row.logits + id] = select(0.0, exp_minus(distance) * scaling, is_drawn);
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = workgroup.x * params.V;
  let words = workgroup.x * WORDS;
  clear_maxima(lane);
  workgroupBarrier();
  let best = read_strips(lane, start);
  let finite = best.z == 1u;

  let temperature = bitcast<f32>(sampling[words + TEMPERATURE]);
  let top_k = sampling[words + TOP_K];
  let top_p = bitcast<f32>(sampling[words + TOP_P]);
  let min_p = bitcast<f32>(sampling[words + MIN_P]);
  let greedy = temperature < SMALLEST_NORMAL;
  let row = Row(start, words, select(temperature, 1.0, greedy), value_of(best.x), best.x, best.y);

  // Greedy keeps the best token alone. A loop that may have no turn stands for branches around two calls: their inlined code
  // took lavapipe five times as long to compile.
  let is_random = finite && !greedy;
  var cut = Cut(row.best_key, row.best_id);
  if (is_random) { cut = Cut(0u, 0u); }
  var tokens = Tokens(select(0u, params.allowed, is_random), false);
  let of_top_k = select(TOP_K, STRIPS_OF_TOP_K, top_k <= FEW);
  let first_filter = select(TOP_P, of_top_k, top_k > 0u && top_k < params.allowed);
  let filter_end = select(0u, select(TOP_P, TOP_P + 1u, top_p < 1.0), is_random);
  for (var filter_word = first_filter; filter_word < filter_end; filter_word++) {
    cut = cut_by(filter_word, lane, row, cut, &tokens);
  }
  let reach = select(FAR, -ln(min_p), is_random && min_p >= SMALLEST_NORMAL);
  let drawn = select(0u, draw(lane, row, cut, tokens, reach), finite);
  @if(PROBS) write_probs(lane, row, cut, reach, finite);

  if (lane == 0u) {
    sampled[workgroup.x] = vec2u(drawn, u32(finite));
    next_tokens[sampling[words + TOKEN_SLOT]] = i32(drawn);
  }
}
