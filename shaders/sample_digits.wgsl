import package::float_order::{key_of, value_of};
import package::radix_select::{DIGIT_BITS, add_to_bucket, clear_buckets, find_crossing, first_shift, sum_groups};
import package::sample_range::Range;
import package::sample_row::{LANES, NO_ID, Row, logits, message, weight_of};
import package::sample_strips::strip_maxima;
import package::sample_tokens::{Cut, Tokens, id_at, is_kept};

// Phase `digits` of the sampler: radix select. The word of the last token that stays, its key and then ~id among the tokens of
// that key, is searched for digit by digit, each time in the one bucket where the running weight reaches the need.

// Way of weighing the tokens of a filter.
struct Scales {
  // By probability instead of by number.
  by_mass: bool,
  // Strips by their maxima, in place of tokens.
  by_strip: bool,
}

// The end of the shortest prefix of `range` that reaches the need, until a single token is left to choose from: that one's word
// lies at or above the lowest word left, and no other's between. Of strips the key alone is searched for.
fn find_digits(lane: u32, row: Row, cut: Cut, tokens: Tokens, range: Range, scales: Scales) -> Cut {
  let by_mass = scales.by_mass;
  let by_strip = scales.by_strip;
  var low = range.low;
  var span = range.span;
  var need = range.need;
  var shift = first_shift(span);
  var by_id = false;
  var tie_key = 0u;
  loop {
    clear_buckets(lane, LANES);
    workgroupBarrier();
    for (var slot = lane; slot < tokens.end; slot += LANES) {
      let id = id_at(tokens, slot);
      let logit = logits[row.logits + id];
      var key = key_of(logit);
      if (by_strip) { key = strip_maxima[slot]; }
      let word = select(key, ~id, by_id);
      let is_sought = word >= low && word - low <= span && (!by_id || key == tie_key);
      if (is_sought && is_kept(cut, key, id)) {
        add_to_bucket((word - low) >> shift, weight_of(row, logit, by_mass));
      }
    }
    workgroupBarrier();
    sum_groups(lane, LANES);
    workgroupBarrier();
    if (lane == 0u) {
      let crossing = find_crossing(need);
      let word = low + (crossing.bucket << shift);
      // Up to rounding, no token of the bucket weighs less than its lowest word.
      let least = weight_of(row, value_of(select(word, tie_key, by_id)), by_mass);
      let several = crossing.sum.y > 0u || crossing.sum.x > least + least / 2u;
      message = vec4u(word, crossing.need, u32(several));
    }
    let told = workgroupUniformLoad(&message);
    span = min(span - (told.x - low), (1u << shift) - 1u);
    low = told.x;
    need = told.yz;
    if (told.w == 0u || (shift == 0u && (by_id || by_strip))) { break; }
    if (shift == 0u) {
      by_id = true;
      tie_key = low;
      span = params.allowed - 1u;
      low = ~span;
      shift = first_shift(span);
    } else {
      shift -= min(shift, DIGIT_BITS);
    }
  }
  return Cut(select(low, tie_key, by_id), select(NO_ID, ~low, by_id));
}
