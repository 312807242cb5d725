// Rows of packed f16: a vector of four u32 holds eight neighbouring components, the even ones in the low halves.

// Components 0 to 3.
fn first_quad(words: vec4u) -> vec4f {
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}

// Components 4 to 7.
fn second_quad(words: vec4u) -> vec4f {
  return vec4f(unpack2x16float(words.z), unpack2x16float(words.w));
}
