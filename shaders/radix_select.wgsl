import package::wide_sums::{add, at_least, subtract, to_f32};

// One digit of a radix select: weights are added up by bucket; then, from the highest bucket down, that one is found in
// which the running sum reaches the weight that is needed. Sums are integers, so they do not depend on the order of the
// additions. The barriers between the steps are the caller's.

const DIGIT_BITS = 8u;
const BUCKETS = 1u << DIGIT_BITS;
const GROUPS = 16u;
const BUCKETS_PER_GROUP = BUCKETS / GROUPS;

var<workgroup> low_words: array<atomic<u32>, BUCKETS>;
var<workgroup> high_words: array<atomic<u32>, BUCKETS>;
var<workgroup> group_sums: array<vec2u, GROUPS>;

// The bucket in which the running sum reaches a weight.
struct Crossing {
  bucket: u32,
  // Weight of that bucket alone.
  sum: vec2u,
  // Weight that the buckets above it leave to be reached.
  need: vec2u,
}

// Position of the first digit of a number up to span.
fn first_shift(span: u32) -> u32 {
  return 32u - DIGIT_BITS - min(countLeadingZeros(span), 32u - DIGIT_BITS);
}

fn clear_buckets(lane: u32, lanes: u32) {
  for (var bucket = lane; bucket < BUCKETS; bucket += lanes) {
    atomicStore(&low_words[bucket], 0u);
    atomicStore(&high_words[bucket], 0u);
  }
}

fn add_to_bucket(bucket: u32, weight: u32) {
  let before = atomicAdd(&low_words[bucket], weight);
  if (before + weight < before) { atomicAdd(&high_words[bucket], 1u); }
}

fn add_sum_to_bucket(bucket: u32, sum: vec2u) {
  add_to_bucket(bucket, sum.x);
  atomicAdd(&high_words[bucket], sum.y);
}

fn bucket_sum(bucket: u32) -> vec2u {
  return vec2u(atomicLoad(&low_words[bucket]), atomicLoad(&high_words[bucket]));
}

fn sum_groups(lane: u32, lanes: u32) {
  for (var group = lane; group < GROUPS; group += lanes) {
    var sum = vec2u(0u);
    let end = (group + 1u) * BUCKETS_PER_GROUP;
    for (var bucket = end - BUCKETS_PER_GROUP; bucket < end; bucket++) { sum = add(sum, bucket_sum(bucket)); }
    group_sums[group] = sum;
  }
}

fn all_groups() -> vec2u {
  var sum = vec2u(0u);
  for (var group = 0u; group < GROUPS; group++) { sum = add(sum, group_sums[group]); }
  return sum;
}

// Bucket 0 when all together do not reach it.
fn find_crossing(needed: vec2u) -> Crossing {
  var need = needed;
  var group = GROUPS - 1u;
  while (group > 0u && !at_least(group_sums[group], need)) {
    need = subtract(need, group_sums[group]);
    group--;
  }
  var bucket = (group + 1u) * BUCKETS_PER_GROUP - 1u;
  while (bucket > group * BUCKETS_PER_GROUP && !at_least(bucket_sum(bucket), need)) {
    need = subtract(need, bucket_sum(bucket));
    bucket--;
  }
  return Crossing(bucket, bucket_sum(bucket), need);
}

// About what part of the bucket it takes to reach it.
fn part_needed(crossing: Crossing) -> f32 {
  return min(to_f32(crossing.need) / max(to_f32(crossing.sum), 1.0), 1.0);
}
