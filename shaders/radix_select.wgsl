// One digit of a radix select: weights are added up by bucket; then, from the highest bucket down, that one is found in
// which the running sum reaches what is needed. Sums are 64-bit integers (low word, high word), so they do not depend on
// the order of the additions. The barriers between the steps are the caller's.

const DIGIT_BITS = 8u;
const BUCKETS = 1u << DIGIT_BITS;
const GROUPS = 16u;
const BUCKETS_PER_GROUP = BUCKETS / GROUPS;
// Tokens noted by the lanes, to be looked through alone.
const CANDIDATES = 2048u;
const SIGN = 0x80000000u;

var<workgroup> low_words: array<atomic<u32>, BUCKETS>;
var<workgroup> high_words: array<atomic<u32>, BUCKETS>;
var<workgroup> group_sums: array<vec2u, GROUPS>;
// Ids; every lane has its own slots.
var<workgroup> candidates: array<u32, CANDIDATES>;

// The end of a prefix: kept are all greater keys, and of this key the ids up to this one.
struct Cut { key: u32, id: u32 }

// What a lane looks through: slots lane, lane + lanes, ... below `end` of the candidates, or of all ids.
struct Tokens { end: u32, are_candidates: bool }

// Keys low .. low + span; `need` is the weight to be reached in them.
struct Range { low: u32, span: u32, need: vec2u }

struct Crossing {
  bucket: u32,
  // Of that bucket alone.
  sum: vec2u,
  // What the buckets above it leave to be reached.
  need: vec2u,
}

// Position of the first digit of a number up to span.
fn first_shift(span: u32) -> u32 {
  return 32u - DIGIT_BITS - min(countLeadingZeros(span), 32u - DIGIT_BITS);
}

// Integers in the order of the floats; the zeros are equal, and no finite float has key 0.
fn key_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | SIGN, ~bits, bits > SIGN);
}

fn value_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & ~SIGN, key >= SIGN));
}

fn add(a: vec2u, b: vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + u32(low < a.x));
}

fn subtract(a: vec2u, b: vec2u) -> vec2u {
  return vec2u(a.x - b.x, a.y - b.y - u32(a.x < b.x));
}

fn at_least(a: vec2u, b: vec2u) -> bool {
  return a.y > b.y || (a.y == b.y && a.x >= b.x);
}

// To 24 bits.
fn to_f32(a: vec2u) -> f32 {
  return f32(a.y) * 0x1p32 + f32(a.x);
}

// The fraction of a sum, to 24 bits and at least 1.
fn scale(a: vec2u, fraction: f32) -> vec2u {
  let scaled = max(to_f32(a) * fraction, 1.0);
  let high = floor(scaled * 0x1p-32);
  return vec2u(u32(scaled - high * 0x1p32), u32(high));
}

fn is_kept(cut: Cut, key: u32, id: u32) -> bool {
  return key > cut.key || (key == cut.key && id <= cut.id);
}

fn id_at(tokens: Tokens, slot: u32) -> u32 {
  var id = slot;
  if (tokens.are_candidates) { id = candidates[slot]; }
  return id;
}

// Notes a candidate, if there is room.
fn note(free: ptr<function, u32>, id: u32, lanes: u32) {
  if (*free < CANDIDATES) { candidates[*free] = id; }
  *free += lanes;
}

// The candidates that a lane has noted, if all found room.
fn noted(free: u32, otherwise: Tokens, lanes: u32) -> Tokens {
  var tokens = otherwise;
  if (free < CANDIDATES + lanes) { tokens = Tokens(free, true); }
  return tokens;
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
