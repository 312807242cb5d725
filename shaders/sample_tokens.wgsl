import package::sample_row::LANES;

// Tokens of a row that are still in play: what the filters keep is a prefix of the order (logit descending, id ascending), so
// it is known by its end, the cut; what a phase looks through are all ids, or the candidates that an earlier phase noted.

// Room for candidates.
const CANDIDATES = 2048u;

// Ids; every lane has its own slots.
var<workgroup> candidates: array<u32, CANDIDATES>;

// The end of a prefix: kept are all greater keys, and of this key the ids up to this one.
struct Cut { key: u32, id: u32 }

// Tokens that a lane reads: slots lane, lane + LANES, ... below `end` of the candidates, or of all ids.
struct Tokens { end: u32, are_candidates: bool }

fn is_kept(cut: Cut, key: u32, id: u32) -> bool {
  return key > cut.key || (key == cut.key && id <= cut.id);
}

fn id_at(tokens: Tokens, slot: u32) -> u32 {
  var id = slot;
  if (tokens.are_candidates) { id = candidates[slot]; }
  return id;
}

// Notes a candidate, if there is room.
fn note(free: ptr<function, u32>, id: u32) {
  if (*free < CANDIDATES) { candidates[*free] = id; }
  *free += LANES;
}

// The candidates that a lane has noted, if all found room.
fn noted(free: u32, otherwise: Tokens) -> Tokens {
  var tokens = otherwise;
  if (free < CANDIDATES + LANES) { tokens = Tokens(free, true); }
  return tokens;
}
