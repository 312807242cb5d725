// The sums of a norm in the reduction class software: lane i sums c = i, i + WIDTH, ... ascending; then every lane adds the WIDTH
// partial sums ascending. WIDTH never follows the number of rows or their length.

const WIDTH = 32u;
var<workgroup> partial: array<f32, WIDTH>;

// The sum of the lanes' values; all lanes of the workgroup call it.
fn add_up(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < WIDTH; i++) { sum += partial[i]; }
  workgroupBarrier();
  return sum;
}
