import package::float_order::{key_of, value_of};
import package::radix_select::{
  BUCKETS, add_to_bucket, all_groups, clear_buckets, find_crossing, part_needed, sum_groups
};
import package::sample_row::{FAR, LANES, Row, TOP_K, TOP_P, distance_of, logits, message, sampling, weight_of};
import package::sample_strips::{FEW, STRIPS, strip_maxima, turns_in_strip};
import package::sample_tokens::{CANDIDATES, Cut};
import package::wide_sums::{scale, to_f32};

// Phase `estimate` of the sampler: a sample of the row says between which keys the prefix is expected to end. It decides how
// much work there is, not what is found.

// An estimate samples every SPARSITY-th token, has FINENESS buckets to a temperature, and of a fraction f of all that is left
// is off by less than SLACK f (1 - f), as a rule.
const SPARSITY = 16u;
const FINENESS = 16.0;
const SLACK = 0.06;

// In an estimate a token may count SPARSITY times: its weight is divided by that first.
fn part_of_weight(row: Row, logit: f32, by_mass: bool) -> u32 {
  return select(SPARSITY, weight_of(row, logit, by_mass), by_mass) / SPARSITY;
}

// Key of the logit some part of the way down a bucket.
fn key_in_bucket(row: Row, bucket: u32, part: f32) -> u32 {
  return key_of(row.best - min((f32(BUCKETS - 1u - bucket) + part) / FINENESS * row.temperature, FAR));
}

// Keys .x to .y, where the prefix is expected to end; .y is the best key if few tokens are expected from .x on. Each strip's
// maximum is weighed and a sample of the other tokens.
fn estimate(lane: u32, row: Row, cut: Cut, by_mass: bool) -> vec2u {
  let turns = turns_in_strip();
  // The few tokens that strips of top-k leave are not worth an estimate.
  let end = select(STRIPS + params.allowed / SPARSITY, 0u, sampling[row.sampling + TOP_K] - 1u < FEW);
  clear_buckets(lane, LANES);
  workgroupBarrier();
  for (var slot = lane; slot < end; slot += LANES) {
    var key = 0u;
    var times = 1u;
    if (slot < STRIPS) {
      key = strip_maxima[slot];
    } else {
      let turn = (slot - STRIPS) / LANES * SPARSITY;
      key = key_of(logits[row.logits + turn * LANES + lane]);
      times = select(0u, SPARSITY, key < strip_maxima[turn / turns * LANES + lane]);
    }
    if (key > cut.key) {
      let logit = value_of(key);
      let bucket = BUCKETS - 1u - u32(min(distance_of(row, logit) * FINENESS, f32(BUCKETS - 1u)));
      add_to_bucket(bucket, part_of_weight(row, logit, by_mass) * times);
    }
  }
  workgroupBarrier();
  sum_groups(lane, LANES);
  workgroupBarrier();
  if (lane == 0u) {
    var fraction = f32(sampling[row.sampling + TOP_K]) / f32(params.allowed);
    if (by_mass) { fraction = bitcast<f32>(sampling[row.sampling + TOP_P]); }
    let slack = SLACK * fraction * (1.0 - fraction);
    let total = all_groups();
    let need = scale(total, fraction + slack);
    let first = find_crossing(scale(total, fraction - slack));
    let last = find_crossing(need);
    var low = key_in_bucket(row, last.bucket, part_needed(last));
    var high = key_in_bucket(row, first.bucket, part_needed(first));
    // There are no more tokens than the weight of all holds that of the last one.
    let bucket_end = key_in_bucket(row, last.bucket, 1.0);
    if (to_f32(need) <= f32(part_of_weight(row, value_of(bucket_end), by_mass)) * f32(CANDIDATES / 2u)) {
      low = bucket_end;
      high = row.best_key;
    }
    low = clamp(low, cut.key, row.best_key);
    message = vec4u(low, clamp(high, low, row.best_key), 0u, 0u);
  }
  return workgroupUniformLoad(&message).xy;
}
