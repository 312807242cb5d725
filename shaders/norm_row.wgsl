// The norm of a row in the reduction class gpu: what takes a norm in gives the bits of the norm. Shared memory is the caller's,
// so that it may hold any number of rows.
// A sum over C elements has one order, which follows neither the number of lanes nor C:
//   part i of PARTS adds up c = i, i + PARTS, ... ascending, from 0; squares by fma;
//   group g of GROUPS adds up parts g * GROUPS to g * GROUPS + GROUPS - 1 ascending, and divides their sum by C;
//   then the groups are added ascending.
// 256 lanes have a part each; 64 lanes that load four neighbouring c at once have four.
// Parts and groups go through shared memory before they are added, and no product is added but by fma: no compiler rounds in
// another place.

const PARTS = 256u;
// There are as many groups as parts of a group.
const GROUPS = 16u;

// The sum of the parts of a group, or of all groups.
fn sum_of(terms: array<f32, GROUPS>) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < GROUPS; i++) { sum += terms[i]; }
  return sum;
}

// 1 / sqrt(variance + eps)
fn scale_of(variance: f32, eps: f32) -> f32 {
  return inverseSqrt(variance + eps);
}

fn normalized(x: f32, mean: f32, scale: f32, gamma: f32, beta: f32) -> f32 {
  return fma((x - mean) * scale, gamma, beta);
}

// The element of an RMS norm, which has neither a mean nor a shift.
fn scaled(x: f32, scale: f32, gamma: f32) -> f32 {
  return x * scale * gamma;
}
