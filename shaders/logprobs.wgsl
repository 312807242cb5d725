import package::exp_ln::{exp_minus, ln};
import package::float_order::{key_of, value_of};
import package::radix_select::{add_sum_to_bucket, bucket_sum, clear_buckets};
import package::wide_sums::{add, to_f32};

// logprob[r, id] = logits[r, id] - max - ln sum exp(logits[r, id] - max), of a chosen id and of the most likely ones:
//   logits[R, V], chosen[R, J] = (id, ...), wanted[R] = 1 + number of the most likely ids, or 0 for none of it;
//   records[R, 1 + 2 MAX_TOP] = logprob of the chosen id, then (id, logprob) of the most likely ones, the most likely
//   first and the lower id first among equals. Words that are not wanted are not written.
// A log-probability says how much the model expected a token: 0 is certain, and each -0.69 halves the probability. Shifting
// the logits by their maximum changes none of them and keeps exp from overflowing.
// At least -LARGEST, where a smaller one is no f32; NaN in a row with a logit that is not finite.
// The sum is one of fixed-point weights, so nothing depends on LANES.
// One workgroup a row; grid: (R).

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> chosen: array<u32>;
@group(0) @binding(2) var<storage, read> wanted: array<u32>;
@group(0) @binding(3) var<storage, read_write> records: array<u32>;

override LANES: u32 = 64;

// Logits that a lane loads before it uses one: a GPU waits as long for one as for many.
const LOADS = u32(constants::LOADS);

const MAX_TOP = 20u;
const RECORD_WORDS = 1u + 2u * MAX_TOP;
const NO_ID = 0xffffffffu;
// Weight of the most likely token.
const UNIT = 0x1p31;

const EXPONENT = 0x7f800000u;
const MAGNITUDE = 0x7fffffffu;
const QUIET_NAN = 0x7fc00000u;
const LARGEST = 0x1.fffffep127;

// A token by its key, greater for a greater logit. The key is 0 where there is none.
struct Token { key: u32, id: u32 }

// A pair for each rank: the greatest key, and the greatest ~id that has it.
var<workgroup> maxima: array<atomic<u32>, 2u * (MAX_TOP + 1u)>;

// The greatest magnitude of a logit, as bits.
var<workgroup> magnitude: atomic<u32>;

// Bits of a log-probability; halves, for the difference itself may overflow.
fn logprob_bits(logit: f32, max_logit: f32, log_sum: f32, is_finite: bool) -> u32 {
  let is_least = 0.5 * max_logit - 0.5 * logit >= 0.5 * LARGEST;
  let logprob = select(logit - max_logit - log_sum, -LARGEST, is_least);
  return select(QUIET_NAN, bitcast<u32>(logprob), is_finite);
}

// The best token of all lanes.
fn best_of_all(rank: u32, mine: Token) -> Token {
  atomicMax(&maxima[2u * rank], mine.key);
  workgroupBarrier();
  if (atomicLoad(&maxima[2u * rank]) == mine.key) { atomicMax(&maxima[2u * rank + 1u], ~mine.id); }
  workgroupBarrier();
  return Token(atomicLoad(&maxima[2u * rank]), ~atomicLoad(&maxima[2u * rank + 1u]));
}

// The lane's logits of ids first, first + LANES, ...; that of the last id stands in for those after it.
fn load_logits(start: u32, first: u32) -> array<f32, LOADS> {
  var loaded: array<f32, LOADS>;
  for (var i = 0u; i < LOADS; i++) { loaded[i] = logits[start + min(first + i * LANES, params.V - 1u)]; }
  return loaded;
}

// The lane's best token after `last` in the order of the ranks.
fn best_after(lane: u32, start: u32, last: Token) -> Token {
  var best = Token(0u, NO_ID);
  for (var first = lane; first < params.V; first += LOADS * LANES) {
    let loaded = load_logits(start, first);
    for (var i = 0u; i < LOADS; i++) {
      let id = first + i * LANES;
      let key = key_of(loaded[i]);
      let is_after = key < last.key || (key == last.key && id > last.id);
      if (id < params.V && key > best.key && is_after) { best = Token(key, id); }
    }
  }
  return best;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row_wanted = wanted[workgroup.x];
  if (row_wanted == 0u) { return; }
  let start = workgroup.x * params.V;
  let record = workgroup.x * RECORD_WORDS;

  // Not every implementation zeroes workgroup memory.
  for (var i = lane; i < 2u * (MAX_TOP + 1u); i += LANES) { atomicStore(&maxima[i], 0u); }
  if (lane == 0u) { atomicStore(&magnitude, 0u); }
  workgroupBarrier();
  var mine = best_after(lane, start, Token(NO_ID, NO_ID));
  let best = best_of_all(0u, mine);
  let max_logit = value_of(best.key);

  clear_buckets(lane, LANES);
  workgroupBarrier();
  var sum = vec2u(0u);
  var greatest = 0u;
  for (var first = lane; first < params.V; first += LOADS * LANES) {
    let loaded = load_logits(start, first);
    for (var i = 0u; i < LOADS; i++) {
      let weight = u32(exp_minus(max_logit - loaded[i]) * UNIT + 0.5);
      sum = add(sum, vec2u(select(0u, weight, first + i * LANES < params.V), 0u));
      greatest = max(greatest, bitcast<u32>(loaded[i]) & MAGNITUDE);
    }
  }
  add_sum_to_bucket(0u, sum);
  atomicMax(&magnitude, greatest);
  workgroupBarrier();
  let is_finite = atomicLoad(&magnitude) < EXPONENT;
  let log_sum = ln(to_f32(bucket_sum(0u)) * (1.0 / UNIT));

  if (lane == 0u) {
    let logit = logits[start + chosen[workgroup.x * params.J]];
    records[record] = logprob_bits(logit, max_logit, log_sum, is_finite);
  }
  for (var rank = 1u; rank < min(row_wanted, min(params.V, MAX_TOP) + 1u); rank++) {
    let token = best_of_all(rank, mine);
    if (token.id == mine.id) {
      let words = record + 2u * rank - 1u;
      records[words] = token.id;
      records[words + 1u] = logprob_bits(value_of(token.key), max_logit, log_sum, is_finite);
      mine = best_after(lane, start, token);
    }
  }
}
