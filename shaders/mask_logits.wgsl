// out[r, id] = -LIMIT where row r has a mask without the bit of the id, and logits[r, id] is finite; else, where `copies` is not 0,
// logits[r, id]. Without `copies`, out holds the row's logits after penalties and biases, and those that are not masked stay.
//   logits[R, V], rows[R] = row of `masks`, or NO_MASK for a row that samples any id, masks[S, ceil(V / 32)] = bit id & 31 of word id >> 5,
//   out[R, V].
// A grammar allows few of the tokens at each place of a text: with all others masked, what is sampled fits it.
// One workgroup for LANES * IDS ids of a row; grid: (ceil(V / (LANES * IDS)), R).

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> masks: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

// Ids that a lane masks: a multiple of 4, so that a workgroup of 8 lanes or more takes whole words.
const IDS = u32(constants::IDS);

const NO_MASK = 0xffffffffu;
const WORD_BITS = 32u;
const EXPONENT = 0x7f800000u;
// As of adjust_logits: finite, so that the sampler finds a logit that is not.
const LIMIT = 3.4e38;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = workgroup.y * params.V;
  let mask = rows[workgroup.y];
  let first_word = mask * ((params.V + WORD_BITS - 1u) / WORD_BITS);
  // Ids of a word that a lane takes, LANES apart; where there are more lanes than bits, a lane takes one.
  let step = max(LANES, WORD_BITS);
  for (var i = 0u; i < IDS * LANES; i += step) {
    let first = workgroup.x * IDS * LANES + i + lane;
    if (first >= params.V) { return; }
    var bits = 0xffffffffu;
    if (mask != NO_MASK) { bits = masks[first_word + first / WORD_BITS] >> (first % WORD_BITS); }
    for (var j = 0u; j < step; j += LANES) {
      let id = first + j;
      if (id < params.V) {
        let logit = logits[start + id];
        let is_masked = (bits & 1u) == 0u && (bitcast<u32>(logit) & EXPONENT) != EXPONENT;
        if (is_masked || params.copies != 0u) { out[start + id] = select(logit, -LIMIT, is_masked); }
      }
      bits >>= LANES % WORD_BITS;
    }
  }
}
