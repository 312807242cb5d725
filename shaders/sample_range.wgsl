import package::float_order::key_of;
import package::radix_select::{add_sum_to_bucket, bucket_sum, clear_buckets};
import package::sample_row::{LANES, Row, TOP_K, TOP_P, logits, message, sampling, weight_of};
import package::sample_tokens::{Cut, Tokens, id_at, is_kept, note, noted};
import package::wide_sums::{add, at_least, scale, subtract};

// Phase `range` of the sampler: one look at all tokens weighs those above, in and below the keys of the estimate, so that it is
// known in which of the three the prefix ends. The tokens of the expected keys are noted on the way: they are all that the
// digits must look at, if the estimate was right.

// Parts of the keys: above those that are expected to hold the end of the prefix, these, and below.
const PARTS = 3u;
const EXPECTED = 1u;

// Keys low .. low + span; `need` is the weight to be reached in them.
struct Range { low: u32, span: u32, need: vec2u }

// The keys in which the weights reach what the filter needs: those expected, or all above or below. The expected ones
// become candidates, and then a lane looks through these alone, if they found room.
fn find_range(
  lane: u32, row: Row, cut: Cut, expected: vec2u, tokens: ptr<function, Tokens>, by_mass: bool
) -> Range {
  clear_buckets(lane, LANES);
  let is_noting = !(*tokens).are_candidates;
  let ends = array(expected.y + 1u, expected.x, cut.key);
  // Running sums: a part's includes those before it.
  var sums: array<vec2u, PARTS>;
  var free = lane;
  for (var slot = lane; slot < (*tokens).end; slot += LANES) {
    let id = id_at(*tokens, slot);
    let logit = logits[row.logits + id];
    let key = key_of(logit);
    if (is_kept(cut, key, id)) {
      let weight = weight_of(row, logit, by_mass);
      for (var part = 0u; part < PARTS; part++) {
        sums[part] = add(sums[part], vec2u(select(0u, weight, key >= ends[part]), 0u));
      }
      if (is_noting && key >= expected.x && key <= expected.y) { note(&free, id); }
    }
  }
  workgroupBarrier();
  for (var part = 0u; part < PARTS; part++) { add_sum_to_bucket(part, sums[part]); }
  workgroupBarrier();
  if (lane == 0u) {
    var need = vec2u(sampling[row.sampling + TOP_K], 0u);
    if (by_mass) { need = scale(bucket_sum(PARTS - 1u), bitcast<f32>(sampling[row.sampling + TOP_P])); }
    var part = 0u;
    while (ends[part] > cut.key && !at_least(bucket_sum(part), need)) { part++; }
    if (part > 0u) { need = subtract(need, bucket_sum(part - 1u)); }
    message = vec4u(part, need, 0u);
  }
  let told = workgroupUniformLoad(&message);
  let part = told.x;
  if (is_noting && part == EXPECTED) { *tokens = noted(free, *tokens); }
  var high = row.best_key;
  if (part > 0u) { high = ends[part - 1u] - 1u; }
  return Range(ends[part], high - ends[part], told.yz);
}
