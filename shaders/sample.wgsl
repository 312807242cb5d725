import package::exp_ln::{exp_minus, ln};
import package::gumbel::{gumbel, gumbel_bound};
import package::radix_select::{
  BUCKETS, CANDIDATES, Cut, DIGIT_BITS, Range, Tokens, add, add_sum_to_bucket, add_to_bucket, all_groups, at_least,
  bucket_sum, clear_buckets, find_crossing, first_shift, id_at, is_kept, key_of, note, noted, part_needed, scale, subtract,
  sum_groups, to_f32, value_of
};
import package::rng::{pcg4d, unit_interval};

// Draws a token from each row of logits: temperature, top-k, top-p, min-p, then
//   id = argmax over kept ids of logits[r, id] / temperature + gumbel(u(seed, position, id)), the lowest id on a tie.
//   logits[R, V], sampling[R, WORDS] (see there), next_tokens[X], sampled[R, 2] = (id, 1), or (0, 0) where a logit of the
//   row is not finite; with PROBS probs[R, V], the distribution drawn from. Ids from `allowed` on are never drawn.
// Each filter keeps a prefix of the order (logit descending, id ascending). Its end is found by radix select: top-k weighs
// every token 1, top-p exp((logit - best) / temperature) in fixed point. It starts from keys that a sample of the row
// points to, and few tokens are left after one look at all. Before a small top-k comes a filter of as many strips of the
// row by their maxima: they hold enough tokens, and the other strips are not looked at again. Only maxima and integer sums
// cross lanes, so nothing depends on LANES.
// One workgroup a row; grid: (R).

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

const EXPONENT = 0x7f800000u;
const MAGNITUDE = 0x7fffffffu;
const NO_ID = 0xffffffffu;
// A smaller temperature or min-p counts as 0: adapters may flush it.
const SMALLEST_NORMAL = 0x1p-126;
// Stands for any greater distance or difference.
const FAR = 3.4e38;
// Weight of the best token in top-p.
const UNIT = 0x1p31;
// Parts of a row.
const STRIPS = 1024u;
// The most strips that are picked for top-k: more would hold too many tokens for the candidates.
const FEW = STRIPS / 2u;
// An estimate samples every so many-th token, takes a temperature for so many buckets, and of a fraction f of all that is
// left is off by less than SLACK f (1 - f), as a rule.
const SPARSITY = 16u;
const FINENESS = 16.0;
const SLACK = 0.06;
// Parts of the keys: above those that are expected to hold the end of the prefix, these, and below.
const PARTS = 3u;
const EXPECTED = 1u;
// The filter before top-k. Filters run in ascending order; top-k and top-p go by their words of `sampling`, and this one
// has none.
const STRIPS_OF_TOP_K = TOP_K - 1u;

// What is the same for all lanes.
struct Row {
  // Where the row's logits and its words of `sampling` start.
  logits: u32,
  sampling: u32,
  temperature: f32,
  best: f32,
  best_key: u32,
  best_id: u32,
}

// Maxima over the lanes; those of a pair take two.
var<workgroup> maxima: array<atomic<u32>, 5>;
const BEST = 0u;
const DRAWN = 2u;
const BROKEN = 4u;

// From lane 0 to all.
var<workgroup> message: vec4u;
// The greatest key of each strip, 0 where it is empty; every lane has its own strips.
var<workgroup> strip_maxima: array<u32, STRIPS>;

// From the best logit down, in temperatures.
fn distance_of(row: Row, logit: f32) -> f32 {
  return min(min(row.best - logit, FAR) * (1.0 / row.temperature), FAR);
}

fn weight_of(row: Row, logit: f32, by_mass: bool) -> u32 {
  var weight = 1u;
  if (by_mass) { weight = u32(exp_minus(distance_of(row, logit)) * UNIT + 0.5); }
  return weight;
}

// The greatest key of all lanes and the lowest id that has it.
fn greatest(pair: u32, key: u32, id: u32) -> vec2u {
  atomicMax(&maxima[pair], key);
  workgroupBarrier();
  if (atomicLoad(&maxima[pair]) == key) { atomicMax(&maxima[pair + 1u], ~id); }
  workgroupBarrier();
  return vec2u(atomicLoad(&maxima[pair]), ~atomicLoad(&maxima[pair + 1u]));
}

// A strip has the ids .x, .x + LANES, ... below .y, of those below `end`.
fn strip_of(lane: u32, strip: u32, end: u32) -> vec2u {
  let turns = (params.V + STRIPS - 1u) / STRIPS;
  let first = (strip - lane) * turns;
  return vec2u(first + lane, min(first + turns * LANES, end));
}

// Tokens from a key on, found in the strips that reach it.
fn find_candidates(lane: u32, row: Row, low: u32, tokens: Tokens) -> Tokens {
  var free = lane;
  for (var strip = lane; strip < STRIPS; strip += LANES) {
    if (strip_maxima[strip] >= low) {
      let ids = strip_of(lane, strip, params.allowed);
      for (var id = ids.x; id < ids.y; id += LANES) {
        if (key_of(logits[row.logits + id]) >= low) { note(&free, id, LANES); }
      }
    }
  }
  return noted(free, tokens, LANES);
}

// In an estimate a token may count SPARSITY times: its weight is divided by that first.
fn part_of_weight(row: Row, logit: f32, by_mass: bool) -> u32 {
  return select(SPARSITY, weight_of(row, logit, by_mass), by_mass) / SPARSITY;
}

// Key of the logit some part of the way down a bucket.
fn key_in_bucket(row: Row, bucket: u32, part: f32) -> u32 {
  return key_of(row.best - min((f32(BUCKETS - 1u - bucket) + part) / FINENESS * row.temperature, FAR));
}

// Keys .x to .y, where the prefix is expected to end; .y is the best key if few tokens are expected from .x on. Each strip's
// maximum is weighed and a sample of the other tokens. It decides how much work there is, not what is found.
fn estimate(lane: u32, row: Row, cut: Cut, by_mass: bool) -> vec2u {
  let turns = (params.V + STRIPS - 1u) / STRIPS;
  // What strips of top-k leave is not worth it.
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

// The keys in which the weights reach what the filter needs: those expected, or all above or below. The expected ones
// become candidates, and then a lane looks through these alone, if they found room.
fn find_range(lane: u32, row: Row, cut: Cut, tokens: ptr<function, Tokens>, by_mass: bool) -> Range {
  let expected = estimate(lane, row, cut, by_mass);
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
      if (is_noting && key >= expected.x && key <= expected.y) { note(&free, id, LANES); }
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
  if (is_noting && part == EXPECTED) { *tokens = noted(free, *tokens, LANES); }
  var high = row.best_key;
  if (part > 0u) { high = ends[part - 1u] - 1u; }
  return Range(ends[part], high - ends[part], told.yz);
}

// The shortest prefix of what `cut` keeps that has top-k tokens, or by mass the fraction top-p of the weight. The word of
// its last token, key and then ~id among the tokens of that key, is searched for digit by digit, until a single token is
// left to choose from: that one's word lies at or above the lowest word left, and no other's between. With STRIPS_OF_TOP_K
// all tokens from the key on that top-k strips reach: at least so many, and seldom many more.
fn prefix(lane: u32, row: Row, cut: Cut, tokens: ptr<function, Tokens>, filter_word: u32) -> Cut {
  let by_mass = filter_word == TOP_P;
  let by_strip = filter_word == STRIPS_OF_TOP_K;
  var range = Range(0u, row.best_key, vec2u(sampling[row.sampling + TOP_K], 0u));
  var sought = *tokens;
  if (by_strip) {
    sought = Tokens(STRIPS, false);
  } else {
    range = find_range(lane, row, cut, &sought, by_mass);
    if (range.low + range.span == row.best_key) { *tokens = sought; }
  }
  var low = range.low;
  var span = range.span;
  var need = range.need;
  var shift = first_shift(span);
  var by_id = false;
  var tie_key = 0u;
  loop {
    clear_buckets(lane, LANES);
    workgroupBarrier();
    for (var slot = lane; slot < sought.end; slot += LANES) {
      let id = id_at(sought, slot);
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
  if (by_strip) { *tokens = find_candidates(lane, row, low, *tokens); }
  // A single token at the end of `cut` may have been found by a lower word than its own.
  let key = max(select(low, tie_key, by_id), cut.key);
  return Cut(key, min(select(NO_ID, ~low, by_id), select(NO_ID, cut.id, key == cut.key)));
}

fn noise(row: Row, id: u32) -> f32 {
  let words = row.sampling;
  let seed = vec2u(sampling[words + SEED_LOW], sampling[words + SEED_HIGH]);
  return unit_interval(pcg4d(vec4u(seed, sampling[words + POSITION], id)).x);
}

// Lanes start from the best token: most others can't get past it whatever their noise, and their logarithms are not taken.
fn draw(lane: u32, row: Row, cut: Cut, tokens: Tokens, reach: f32) -> u32 {
  var score = gumbel(noise(row, row.best_id));
  var drawn = row.best_id;
  for (var slot = lane; slot < tokens.end; slot += LANES) {
    let id = id_at(tokens, slot);
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

  var best = Cut(0u, NO_ID);
  var broken = 0u;
  for (var strip = lane; strip < STRIPS; strip += LANES) {
    var maximum = 0u;
    let ids = strip_of(lane, strip, params.V);
    for (var id = ids.x; id < ids.y; id += LANES) {
      let logit = logits[start + id];
      broken = max(broken, bitcast<u32>(logit) & MAGNITUDE);
      let key = key_of(logit);
      if (id < params.allowed) {
        if (key > best.key) { best = Cut(key, id); }
        maximum = max(maximum, key);
      }
    }
    strip_maxima[strip] = maximum;
  }
  atomicMax(&maxima[BROKEN], broken);
  let top = greatest(BEST, best.key, best.id);
  if (lane == 0u) { message = vec4u(top, atomicLoad(&maxima[BROKEN]), 0u); }
  let told = workgroupUniformLoad(&message);
  let finite = told.z < EXPONENT;

  let temperature = bitcast<f32>(sampling[words + TEMPERATURE]);
  let top_k = sampling[words + TOP_K];
  let top_p = bitcast<f32>(sampling[words + TOP_P]);
  let min_p = bitcast<f32>(sampling[words + MIN_P]);
  let greedy = temperature < SMALLEST_NORMAL;
  let row = Row(start, words, select(temperature, 1.0, greedy), value_of(told.x), told.x, told.y);

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
    cut = prefix(lane, row, cut, &tokens, filter_word);
  }
  let reach = select(FAR, -ln(min_p), is_random && min_p >= SMALLEST_NORMAL);
  let drawn = select(0u, draw(lane, row, cut, tokens, reach), finite);
  @if(PROBS) write_probs(lane, row, cut, reach, finite);

  if (lane == 0u) {
    sampled[workgroup.x] = vec2u(drawn, u32(finite));
    next_tokens[sampling[words + TOKEN_SLOT]] = i32(drawn);
  }
}
