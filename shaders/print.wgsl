// Lines that lanes print for the host. No kernel imports it: where one is linked with DEBUG, the linker puts this text and the binding
// `print_ring` after the shader's own, and has `main` store its lane first.
// print_ring: word 0 counts the lines; words 1 to 3 are the workgroup and word 4 the lane that may print, ANY for each; then lines of
// LINE words: workgroup, local id, lane, tag, type, value. Lines beyond its end are counted and lost.

const PRINT_ANY = 0xffffffffu;
const PRINT_HEADER = 5u;
const PRINT_LINE = 10u;
const PRINT_U32 = 0u;
const PRINT_I32 = 1u;
const PRINT_F32 = 2u;

var<private> print_workgroup: vec3u;
var<private> print_local: vec3u;
var<private> print_lane: u32;

fn print_u32(tag: u32, value: u32) {
  print_word(tag, PRINT_U32, value);
}

fn print_i32(tag: u32, value: i32) {
  print_word(tag, PRINT_I32, bitcast<u32>(value));
}

fn print_f32(tag: u32, value: f32) {
  print_word(tag, PRINT_F32, bitcast<u32>(value));
}

fn print_word(tag: u32, kind: u32, word: u32) {
  if (!print_allows(1u, print_workgroup.x) || !print_allows(2u, print_workgroup.y)) { return; }
  if (!print_allows(3u, print_workgroup.z) || !print_allows(4u, print_lane)) { return; }
  let line = atomicAdd(&print_ring[0], 1u);
  if (line >= (arrayLength(&print_ring) - PRINT_HEADER) / PRINT_LINE) { return; }
  let at = PRINT_HEADER + line * PRINT_LINE;
  atomicStore(&print_ring[at], print_workgroup.x);
  atomicStore(&print_ring[at + 1], print_workgroup.y);
  atomicStore(&print_ring[at + 2], print_workgroup.z);
  atomicStore(&print_ring[at + 3], print_local.x);
  atomicStore(&print_ring[at + 4], print_local.y);
  atomicStore(&print_ring[at + 5], print_local.z);
  atomicStore(&print_ring[at + 6], print_lane);
  atomicStore(&print_ring[at + 7], tag);
  atomicStore(&print_ring[at + 8], kind);
  atomicStore(&print_ring[at + 9], word);
}

// Whether a number is the one that a word of the header asks for.
fn print_allows(word: u32, value: u32) -> bool {
  let only = atomicLoad(&print_ring[word]);
  return only == PRINT_ANY || only == value;
}
