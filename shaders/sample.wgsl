import package::rng::{pcg4d, unit_interval};
import package::exp_ln::{exp_minus, ln};
import package::gumbel::{gumbel, gumbel_bound};
import package::radix_select::{
  DIGIT_BITS, add, at_least, subtract, scale, to_f32, add_sum_to_bucket, add_to_bucket, bucket_sum, clear_buckets,
  find_crossing, sum_groups
};
@if(IMMEDIATES) requires immediate_address_space;

// Draws a token from each row of logits: temperature, top-k, top-p, min-p, then
//   id = argmax over kept ids of logits[r, id] / temperature + gumbel(u(seed, position, id)), the lowest id on a tie.
//   logits[R, V], sampling[R, WORDS] (see there), next_tokens[X], sampled[R, 2] = (id, 1), or (0, 0) where a logit of the
//   row is not finite; with PROBS probs[R, V], the distribution that the row is drawn from. Ids from `allowed` on never are.
// Every filter keeps a prefix of the order (logit descending, id ascending). Its end is found by radix select: top-k weighs
// each token 1, top-p exp((logit - best) / temperature) in fixed point. Only maxima and integer sums cross lanes, so
// nothing depends on LANES.
// One workgroup a row; grid: (R).

struct Params { V: u32, allowed: u32 }

@if(IMMEDIATES) var<immediate> params: Params;
@else @group(1) @binding(0) var<uniform> params: Params;
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> sampling: array<u32>;
@group(0) @binding(2) var<storage, read_write> next_tokens: array<i32>;
@group(0) @binding(3) var<storage, read_write> sampled: array<vec2u>;
@if(PROBS) @group(0) @binding(4) var<storage, read_write> probs: array<f32>;

override LANES: u32 = 64;

// Words of a row of `sampling`; temperature, top-p and min-p are the bits of f32.
const TEMPERATURE = 0u;
const TOP_K = 1u;
const TOP_P = 2u;
const MIN_P = 3u;
const SEED_LOW = 4u;
const SEED_HIGH = 5u;
const POSITION = 6u;
const TOKEN_SLOT = 7u;
const WORDS = 8u;

const SIGN = 0x80000000u;
const EXPONENT = 0x7f800000u;
const NO_ID = 0xffffffffu;
// A smaller temperature counts as 0, a smaller min-p too: adapters may flush them.
const SMALLEST_NORMAL = 0x1p-126;
// Stands for any greater distance, so that no infinity is computed with.
const FAR = 1e37;
// Fixed-point weight of the best token.
const UNIT = 0x1p31;
// Distances 1, 2, 4, ... from the best token, the last up to the worst.
const OCTAVES = 6u;

// What is the same for all lanes.
struct Row {
  // Where the row's logits and its words of `sampling` start.
  logits: u32,
  sampling: u32,
  // 1 / temperature.
  sharpness: f32,
  best: f32,
  best_key: u32,
  best_id: u32,
  worst_key: u32,
}

// End of a prefix: kept are greater keys, and of this key the ids up to this one.
struct Cut { key: u32, id: u32 }

// Words low .. low + span; `need` is the weight to be reached in them.
struct Range { low: u32, span: u32, need: vec2u }

struct Found {
  word: u32,
  // What the tokens above it leave to be reached.
  need: vec2u,
  // Several tokens share the word.
  is_tied: bool,
}

const BEST = 0u;
const DRAWN = 2u;
const LOWEST = 4u;
const BROKEN = 5u;
var<workgroup> maxima: array<atomic<u32>, 6>;
var<workgroup> shared_words: vec4u;

// Orders as the floats do, the zeros alike; never 0 for a finite one.
fn key_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | SIGN, ~bits, bits > SIGN);
}

fn value_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & ~SIGN, key >= SIGN));
}

// From the best token down, in units of the temperature.
fn distance_of(row: Row, logit: f32) -> f32 {
  return min(min(row.best - logit, FAR) * row.sharpness, FAR);
}

fn mass_of(row: Row, logit: f32) -> u32 {
  return u32(exp_minus(distance_of(row, logit)) * UNIT + 0.5);
}

fn is_kept(cut: Cut, key: u32, id: u32) -> bool {
  return key > cut.key || (key == cut.key && id <= cut.id);
}

// Lane 0's words, the same for all lanes.
fn share(lane: u32, words: vec4u) -> vec4u {
  if (lane == 0u) { shared_words = words; }
  return workgroupUniformLoad(&shared_words);
}

// The greatest key of all lanes and the lowest id that has it.
fn greatest(slot: u32, key: u32, id: u32) -> vec2u {
  atomicMax(&maxima[slot], key);
  workgroupBarrier();
  if (atomicLoad(&maxima[slot]) == key) { atomicMax(&maxima[slot + 1u], ~id); }
  workgroupBarrier();
  return vec2u(atomicLoad(&maxima[slot]), ~atomicLoad(&maxima[slot + 1u]));
}

// Key of the logit 2^octave temperatures below the best; of the worst for the last octave.
fn key_below(row: Row, octave: u32) -> u32 {
  let key = key_of(row.best - min(f32(1u << octave) / row.sharpness, FAR));
  return select(max(key, row.worst_key), row.worst_key, octave == OCTAVES - 1u);
}

fn weight_of(row: Row, logit: f32, by_mass: bool) -> u32 {
  var weight = 1u;
  if (by_mass) { weight = mass_of(row, logit); }
  return weight;
}

// Narrows the keys down to those between two distances from the best token, a power of two apart: lanes add up in
// registers here, so that few tokens are left for the buckets.
fn find_octave(lane: u32, row: Row, cut: Cut, by_mass: bool) -> Range {
  clear_buckets(lane, LANES);
  var lows: array<u32, OCTAVES>;
  for (var j = 0u; j < OCTAVES; j++) { lows[j] = key_below(row, j); }
  var sums: array<vec2u, OCTAVES>;
  for (var id = lane; id < params.allowed; id += LANES) {
    let logit = logits[row.logits + id];
    let key = key_of(logit);
    if (is_kept(cut, key, id)) {
      let weight = weight_of(row, logit, by_mass);
      for (var j = 0u; j < OCTAVES; j++) { sums[j] = add(sums[j], vec2u(select(0u, weight, key >= lows[j]), 0u)); }
    }
  }
  workgroupBarrier();
  for (var j = 0u; j < OCTAVES; j++) { add_sum_to_bucket(j, sums[j]); }
  workgroupBarrier();
  if (lane == 0u) {
    var need = vec2u(sampling[row.sampling + TOP_K], 0u);
    if (by_mass) { need = scale(bucket_sum(OCTAVES - 1u), bitcast<f32>(sampling[row.sampling + TOP_P])); }
    var j = 0u;
    while (j < OCTAVES - 1u && !at_least(bucket_sum(j), need)) { j++; }
    if (j > 0u) { need = subtract(need, bucket_sum(j - 1u)); }
    shared_words = vec4u(j, need, 0u);
  }
  let octave = workgroupUniformLoad(&shared_words);
  let low = key_below(row, octave.x);
  var above = row.best_key + 1u;
  if (octave.x > 0u) { above = key_below(row, octave.x - 1u); }
  return Range(low, above - 1u - low, octave.yz);
}

// The greatest word (key, or ~id of the tokens with tie_key) down to which the weights of the tokens inside `cut` reach
// what the range needs, digit by digit. Stops early once one token is left to choose from: its word lies at or above the
// one returned, no other's does.
fn search(lane: u32, row: Row, cut: Cut, by_mass: bool, by_id: bool, tie_key: u32, range: Range) -> Found {
  var low = range.low;
  var span = range.span;
  var need = range.need;
  var is_tied = true;
  var shift = 32u - DIGIT_BITS - min(countLeadingZeros(span), 32u - DIGIT_BITS);
  loop {
    clear_buckets(lane, LANES);
    workgroupBarrier();
    for (var id = lane; id < params.allowed; id += LANES) {
      let logit = logits[row.logits + id];
      let key = key_of(logit);
      let word = select(key, ~id, by_id);
      let sought = word >= low && word - low <= span && (!by_id || key == tie_key);
      if (sought && is_kept(cut, key, id)) { add_to_bucket((word - low) >> shift, weight_of(row, logit, by_mass)); }
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
      shared_words = vec4u(word, crossing.need, u32(several));
    }
    let agreed = workgroupUniformLoad(&shared_words);
    low = agreed.x;
    need = agreed.yz;
    is_tied = agreed.w == 1u;
    if (!is_tied || shift == 0u) { break; }
    span = (1u << shift) - 1u;
    shift -= min(shift, DIGIT_BITS);
  }
  return Found(low, need, is_tied);
}

// The shortest prefix of what `cut` keeps that has top-k tokens, or with by_mass the fraction top-p of the weight.
fn prefix(lane: u32, row: Row, cut: Cut, by_mass: bool) -> Cut {
  let by_key = search(lane, row, cut, by_mass, false, 0u, find_octave(lane, row, cut, by_mass));
  var end = Cut(by_key.word, select(NO_ID, cut.id, by_key.word == cut.key));
  if (by_key.is_tied) {
    let ids = Range(~(params.allowed - 1u), params.allowed - 1u, by_key.need);
    end.id = min(end.id, ~search(lane, row, cut, by_mass, true, by_key.word, ids).word);
  }
  return end;
}

fn noise(row: Row, id: u32) -> f32 {
  let at = row.sampling;
  let words = vec4u(sampling[at + SEED_LOW], sampling[at + SEED_HIGH], sampling[at + POSITION], id);
  return unit_interval(pcg4d(words).x);
}

// Lanes start from the best token: most tokens can't reach it, and for them the logarithms are not taken.
fn draw(lane: u32, row: Row, cut: Cut, reach: f32) -> u32 {
  var score = gumbel(noise(row, row.best_id));
  var drawn = row.best_id;
  for (var id = lane; id < params.allowed; id += LANES) {
    let logit = logits[row.logits + id];
    let distance = distance_of(row, logit);
    if (distance <= reach && is_kept(cut, key_of(logit), id)) {
      let u = noise(row, id);
      if (gumbel_bound(u) - distance >= score) {
        let candidate = gumbel(u) - distance;
        if (candidate > score || (candidate == score && id < drawn)) {
          score = candidate;
          drawn = id;
        }
      }
    }
  }
  return greatest(DRAWN, key_of(score), drawn).y;
}

@if(PROBS)
fn write_probs(lane: u32, row: Row, cut: Cut, reach: f32, finite: bool) {
  clear_buckets(lane, LANES);
  workgroupBarrier();
  for (var id = lane; id < params.allowed; id += LANES) {
    let logit = logits[row.logits + id];
    if (distance_of(row, logit) <= reach && is_kept(cut, key_of(logit), id)) { add_to_bucket(0u, mass_of(row, logit)); }
  }
  workgroupBarrier();
  let scaling = UNIT / to_f32(bucket_sum(0u));
  for (var id = lane; id < params.V; id += LANES) {
    let logit = logits[row.logits + id];
    let distance = distance_of(row, logit);
    let kept = finite && id < params.allowed && distance <= reach && is_kept(cut, key_of(logit), id);
    probs[row.logits + id] = select(0.0, exp_minus(distance) * scaling, kept);
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = workgroup.x * params.V;
  let settings = workgroup.x * WORDS;

  var best = Cut(0u, NO_ID);
  var lowest = 0u;
  var broken = 0u;
  for (var id = lane; id < params.V; id += LANES) {
    let logit = logits[start + id];
    let exponent = bitcast<u32>(logit) & EXPONENT;
    broken = max(broken, u32(exponent == EXPONENT));
    let key = key_of(logit);
    if (id < params.allowed) {
      if (key > best.key) { best = Cut(key, id); }
      lowest = max(lowest, ~key);
    }
  }
  atomicMax(&maxima[LOWEST], lowest);
  atomicMax(&maxima[BROKEN], broken);
  let top = greatest(BEST, best.key, best.id);
  let agreed = share(lane, vec4u(top, ~atomicLoad(&maxima[LOWEST]), atomicLoad(&maxima[BROKEN])));
  let finite = agreed.w == 0u;

  let temperature = bitcast<f32>(sampling[settings + TEMPERATURE]);
  let top_k = sampling[settings + TOP_K];
  let top_p = bitcast<f32>(sampling[settings + TOP_P]);
  let min_p = bitcast<f32>(sampling[settings + MIN_P]);
  let greedy = temperature < SMALLEST_NORMAL;
  let row = Row(start, settings, 1.0 / select(temperature, 1.0, greedy), value_of(agreed.x), agreed.x, agreed.y, agreed.z);

  // Greedy keeps the best token alone.
  var cut = Cut(row.best_key, row.best_id);
  var reach = FAR;
  var drawn = select(0u, row.best_id, finite);
  if (finite && !greedy) {
    cut = Cut(0u, 0u);
    if (top_k > 0u && top_k < params.allowed) { cut = prefix(lane, row, cut, false); }
    if (top_p < 1.0) { cut = prefix(lane, row, cut, true); }
    if (min_p >= SMALLEST_NORMAL) { reach = -ln(min_p); }
    drawn = draw(lane, row, cut, reach);
  }
  @if(PROBS) write_probs(lane, row, cut, reach, finite);

  if (lane == 0u) {
    sampled[workgroup.x] = vec2u(drawn, u32(finite));
    next_tokens[sampling[settings + TOKEN_SLOT]] = i32(drawn);
  }
}
