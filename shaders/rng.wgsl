// Counter-based random numbers, the twin of src/util/rng.ts: the same bits for the same words.

// PCG4D: four words hashed to four (Jarzynski and Olano 2020).
fn pcg4d(words: vec4u) -> vec4u {
  var v = words * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

// The top 23 bits as the centre of one of 2^23 cells of (0, 1); it and its distance to 1 are exact in f32.
fn unit_interval(bits: u32) -> f32 {
  return (f32(bits >> 9u) + 0.5) * 0x1p-23;
}
