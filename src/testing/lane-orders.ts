// A shader whose lanes carry other ids: an adapter that always runs lanes in one order, some of them in lockstep, hides races that
// another order shows. Every built-in id is rewritten alike, so that a right kernel gives the same bits.
import { closing, EntryPoint, type KnownBuiltin, listOf } from '../gpu/entry-point.ts';

/**
 * Order of a workgroup's ids over its lanes. `reversed`: the last lane has id 0, and so has the last workgroup of a grid.
 * `scattered`: neighbouring ids are far apart, so that hardly two of them lie in one subgroup.
 */
export type LaneOrder = 'given' | 'reversed' | 'scattered';

/** All orders. */
export const LANE_ORDERS: readonly LaneOrder[] = ['given', 'reversed', 'scattered'];

/** A rewritten shader, or why there is none. */
export type Rewritten = { readonly wgsl: string } | { readonly skipped: string };

const IDS = ['local_invocation_id', 'local_invocation_index', 'global_invocation_id'] as const;
/** Ids that no rewrite here keeps consistent with the others. */
const UNKNOWN_IDS = ['subgroup_id', 'global_invocation_index', 'workgroup_index'];

/** Subgroup functions that give the same when the lanes of a subgroup are in reverse order: of a shuffle once its lane is, too. */
const SYMMETRIC = ['ShuffleXor', 'Shuffle', 'All', 'Any', 'Max', 'Min', 'And', 'Or', 'Xor'];

/** Lane of a subgroup in reverse order: its size is a power of two. 0 until the entry point knows that whole subgroups are reversed. */
const REVERSED_LANE = `
var<private> rose_last: u32;
fn rose_lane(lane: u32) -> u32 { return lane ^ rose_last; }`;

/** Id of a lane whose neighbours are about 0.62 of the workgroup away: a step that has no divisor in common with the number of lanes. */
const SCATTER = `
fn rose_scattered(index: u32, count: u32) -> u32 {
  var step = max(1u, count * 5u / 8u);
  loop {
    var a = count;
    var b = step;
    while (b != 0u) { let rest = a % b; a = b; b = rest; }
    if (a == 1u) { break; }
    step++;
  }
  return index * step % count;
}`;

/** Rewrites a linked shader so that its lanes have their ids in another order. */
export function withLaneOrder(kernel: string, wgsl: string, order: Exclude<LaneOrder, 'given'>): Rewritten {
  const entry = new EntryPoint(kernel, wgsl);
  const { builtins } = entry;
  const unknown = UNKNOWN_IDS.find((name) => builtins.includes(name));
  if (unknown !== undefined) return { skipped: `the shader takes ${unknown}` };
  const subgroups = subgroupFunctions(wgsl);
  const usesSubgroups = subgroups.length > 0 || builtins.some((name) => name.startsWith('subgroup_'));
  if (usesSubgroups) {
    if (order === 'scattered') return { skipped: 'the shader uses subgroups, which ids out of order would tear' };
    const unsound = subgroups.find((name) => !SYMMETRIC.includes(name));
    if (unsound !== undefined)
      return { skipped: `the result of ${unsound} in a subgroup may depend on the order of lanes` };
  }
  const [x, y, z] = entry.workgroupSize;
  const needs: KnownBuiltin[] = ['local_invocation_index', 'workgroup_id'];
  if (order === 'reversed') needs.push('num_workgroups');
  if (usesSubgroups) needs.push('subgroup_size');
  const index = 'rose_given_local_invocation_index';
  const whole = usesSubgroups ? 'rose_count % rose_given_subgroup_size == 0u' : 'true';
  const statements = [
    `let rose_size = vec3<u32>(u32(${x}), u32(${y}), u32(${z}));`,
    'let rose_count = rose_size.x * rose_size.y * rose_size.z;',
    order === 'reversed'
      ? `let rose_index = select(${index}, rose_count - 1u - ${index}, ${whole});`
      : `let rose_index = rose_scattered(${index}, rose_count);`,
    'let rose_local = vec3<u32>(rose_index % rose_size.x, rose_index / rose_size.x % rose_size.y, rose_index / (rose_size.x * rose_size.y));',
    order === 'reversed'
      ? 'let rose_workgroup = rose_given_num_workgroups - vec3<u32>(1u) - rose_given_workgroup_id;'
      : 'let rose_workgroup = rose_given_workgroup_id;',
  ];
  const replaced: Record<string, string> = {
    [IDS[0]]: 'rose_local',
    [IDS[1]]: 'rose_index',
    [IDS[2]]: 'rose_workgroup * rose_size + rose_local',
    workgroup_id: 'rose_workgroup',
  };
  if (!usesSubgroups) {
    const functions = order === 'scattered' ? SCATTER : '';
    return { wgsl: entry.rewrite(needs, statements.join('\n'), replaced, functions) };
  }
  statements.push(`rose_last = select(0u, rose_given_subgroup_size - 1u, ${whole});`);
  needs.push('subgroup_invocation_id');
  replaced.subgroup_invocation_id = 'rose_lane(rose_given_subgroup_invocation_id)';
  return { wgsl: withReversedShuffles(entry.rewrite(needs, statements.join('\n'), replaced, REVERSED_LANE)) };
}

/** Reverses the lanes that shuffles name. */
function withReversedShuffles(wgsl: string): string {
  let text = wgsl;
  // From the last to the first, so that offsets of those before stay; a call inside another's arguments is among them.
  for (const { index, 0: call } of [...wgsl.matchAll(/\bsubgroupShuffle\s*\(/g)].reverse()) {
    const from = index + call.length;
    const to = closing(text, from);
    const [value = '', lane = ''] = listOf(text.slice(from, to));
    text = `${text.slice(0, from)}${value}, rose_lane(u32(${lane}))${text.slice(to)}`;
  }
  return text;
}

/** Names of the subgroup functions that a shader calls, without the prefix; quads by their whole names. */
function subgroupFunctions(wgsl: string): string[] {
  const called = [...wgsl.matchAll(/\b(?:subgroup([A-Z]\w*)|(quad[A-Z]\w*))\s*\(/g)];
  return [...new Set(called.map(([, subgroup, quad]) => subgroup ?? quad ?? ''))];
}
