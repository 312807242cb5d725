import package::float_order::key_of;
import package::sample_row::{BEST, BROKEN, LANES, NO_ID, Row, greatest, logits, maxima, message};
import package::sample_tokens::{Cut, Tokens, note, noted};

// Phase `strips` of the sampler: one look at the row finds its best token, whether all logits are finite, and the greatest key
// of each of STRIPS parts of it. For a small top-k most strips are then passed over: only those whose maximum is among the
// k greatest can hold a token that stays.

// Parts of a row.
const STRIPS = 1024u;
// The most strips that are picked for top-k: more would hold too many tokens for the candidates.
const FEW = STRIPS / 2u;

// Logits that a lane loads before it uses one: a GPU waits as long for one as for many.
const LOADS = u32(constants::LOADS);

const EXPONENT = 0x7f800000u;
const MAGNITUDE = 0x7fffffffu;

// The greatest key of each strip, 0 where it is empty; every lane has its own strips.
var<workgroup> strip_maxima: array<u32, STRIPS>;

// Turns of a lane in a strip.
fn turns_in_strip() -> u32 {
  return (params.V + STRIPS - 1u) / STRIPS;
}

// A strip has the ids .x, .x + LANES, ... below .y, of those below `end`.
fn strip_of(lane: u32, strip: u32, end: u32) -> vec2u {
  let turns = turns_in_strip();
  let first = (strip - lane) * turns;
  return vec2u(first + lane, min(first + turns * LANES, end));
}

// The best token's key and id, and 1 where all logits of the row are finite.
fn read_strips(lane: u32, start: u32) -> vec3u {
  var best = Cut(0u, NO_ID);
  var broken = 0u;
  for (var strip = lane; strip < STRIPS; strip += LANES) {
    var maximum = 0u;
    let ids = strip_of(lane, strip, params.V);
    let allowed_end = min(ids.y, params.allowed);
    for (var first = ids.x; first < ids.y; first += LOADS * LANES) {
      // A logit of the row stands in for ids after the last, too.
      var loaded: array<f32, LOADS>;
      for (var i = 0u; i < LOADS; i++) { loaded[i] = logits[start + min(first + i * LANES, ids.y - 1u)]; }
      for (var i = 0u; i < LOADS; i++) {
        let id = first + i * LANES;
        broken = max(broken, bitcast<u32>(loaded[i]) & MAGNITUDE);
        let key = key_of(loaded[i]);
        if (id < allowed_end) {
          if (key > best.key) { best = Cut(key, id); }
          maximum = max(maximum, key);
        }
      }
    }
    strip_maxima[strip] = maximum;
  }
  atomicMax(&maxima[BROKEN], broken);
  let top = greatest(BEST, best.key, best.id);
  if (lane == 0u) { message = vec4u(top, u32(atomicLoad(&maxima[BROKEN]) < EXPONENT), 0u); }
  return workgroupUniformLoad(&message).xyz;
}

// Tokens from a key on, found in the strips that reach it.
fn find_candidates(lane: u32, row: Row, low: u32, tokens: Tokens) -> Tokens {
  var free = lane;
  for (var strip = lane; strip < STRIPS; strip += LANES) {
    if (strip_maxima[strip] >= low) {
      let ids = strip_of(lane, strip, params.allowed);
      for (var id = ids.x; id < ids.y; id += LANES) {
        if (key_of(logits[row.logits + id]) >= low) { note(&free, id); }
      }
    }
  }
  return noted(free, tokens);
}
