import package::norm_row::{GROUPS, PARTS, sum_of};

// A norm's sums in a workgroup of PARTS lanes, one for each part of norm_row.

// Elements of its part that a lane holds: it loads them all before it uses any. What a longer row has besides is loaded in each
// pass.
const HELD = 8u;

var<workgroup> parts: array<array<f32, GROUPS>, GROUPS>;
var<workgroup> groups: array<f32, GROUPS>;

// The mean over a row of C of what the lanes' parts add up; all lanes of the workgroup call it.
fn mean_of(lane: u32, part: f32, C: u32) -> f32 {
  parts[lane / GROUPS][lane % GROUPS] = part;
  workgroupBarrier();
  if (lane < GROUPS) { groups[lane] = sum_of(parts[lane]) / f32(C); }
  workgroupBarrier();
  return sum_of(groups);
}
