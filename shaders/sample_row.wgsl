import package::exp_ln::exp_minus;

// A row for all phases of the sampler: its parameters, its best token, and the distance and weight of its tokens. Weights are
// fixed-point numbers: their sums have no order, so no phase depends on LANES.
//   logits[R, V], sampling[R, WORDS].

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> sampling: array<u32>;

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

const NO_ID = 0xffffffffu;
// A smaller temperature or min-p counts as 0: adapters may flush it.
const SMALLEST_NORMAL = 0x1p-126;
// Stands for any greater distance or difference.
const FAR = 3.4e38;
// Weight of the best token in top-p.
const UNIT = 0x1p31;

// State of a row, the same in all lanes.
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
var<workgroup> maxima: array<atomic<u32>, MAXIMA>;
const MAXIMA = 5u;
const BEST = 0u;
const DRAWN = 2u;
const BROKEN = 4u;

// From lane 0 to all.
var<workgroup> message: vec4u;

// Not every implementation zeroes workgroup memory.
fn clear_maxima(lane: u32) {
  for (var i = lane; i < MAXIMA; i += LANES) { atomicStore(&maxima[i], 0u); }
}

// From the best logit down, in temperatures.
fn distance_of(row: Row, logit: f32) -> f32 {
  return min(min(row.best - logit, FAR) * (1.0 / row.temperature), FAR);
}

// 1 to count tokens; by mass exp(-distance), the probability up to a factor.
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
