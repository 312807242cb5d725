// A shader that finds garbage in its workgroup memory. WGSL zeroes that memory, so a read before a write is no fault; but the zeros
// cost time, and whoever turns them off must know. Filling it in the shader itself needs no option of a driver.
import { EntryPoint, fieldsOf, listOf } from '../gpu/entry-point.ts';
import type { Rewritten } from './lane-orders.ts';

/** Garbage: NaN as f32 and as two f16, and an index that no array has. */
const POISON = '0x7fc17fc1u';

const SCALARS: Readonly<Record<string, string>> = {
  f32: 'bitcast<f32>(rose_poison)',
  i32: 'bitcast<i32>(rose_poison)',
  u32: 'rose_poison',
  f16: 'bitcast<vec2<f16>>(rose_poison).x',
  bool: '(rose_poison != 0u)',
};
const LETTERS: Readonly<Record<string, string>> = { f: 'f32', i: 'i32', u: 'u32', h: 'f16' };

/** Rewrites a linked shader so that its workgroup memory holds garbage when it starts; null where it has none. */
export function withPoisonedMemory(kernel: string, wgsl: string): Rewritten | null {
  const variables = [...wgsl.matchAll(/\bvar\s*<\s*workgroup\s*>\s*(\w+)\s*:\s*([^;]+);/g)];
  if (variables.length === 0) return null;
  const entry = new EntryPoint(kernel, wgsl);
  const [x, y, z] = entry.workgroupSize;
  const statements = [`var rose_poison = ${POISON};`, `let rose_count = u32(${x}) * u32(${y}) * u32(${z});`];
  for (const [, name = '', type = ''] of variables) {
    const fill = fillOf(wgsl, name, type, 0);
    if (fill === null) return { skipped: `the type of ${name}, ${type.trim()}, is not understood` };
    statements.push(fill);
  }
  statements.push('workgroupBarrier();');
  return { wgsl: entry.rewrite(['local_invocation_index'], statements.join('\n')) };
}

/** Statements that fill a variable, or a part of one; null for a type that is not understood. */
function fillOf(wgsl: string, place: string, given: string, depth: number): string | null {
  const type = resolved(wgsl, given.trim());
  const scalar = SCALARS[type];
  if (scalar !== undefined) return `${place} = ${scalar};`;
  const [, generic = '', list = ''] = /^(\w+)\s*<([\s\S]*)>$/.exec(type) ?? [];
  const [element = '', length = ''] = listOf(list);
  if (generic === 'atomic') return `atomicStore(&${place}, ${SCALARS[element]});`;
  if (generic === 'array') {
    const at = `rose_at_${depth}`;
    const fill = fillOf(wgsl, `${place}[${at}]`, element, depth + 1);
    const [from, step] = depth === 0 ? ['rose_given_local_invocation_index', 'rose_count'] : ['0u', '1u'];
    return fill && `for (var ${at} = ${from}; ${at} < u32(${length}); ${at} += ${step}) { ${fill} }`;
  }
  const [, short = '', letter = ''] = /^(vec\d|mat\dx\d)([fiuh])$/.exec(type) ?? [];
  const [shape, scalarType] = short === '' ? [generic, resolved(wgsl, element)] : [short, LETTERS[letter] ?? ''];
  const value = SCALARS[scalarType];
  if (/^vec\d$/.test(shape) && value !== undefined) return `${place} = ${shape}<${scalarType}>(${value});`;
  const [, columns, rows] = /^mat(\d)x(\d)$/.exec(shape) ?? [];
  if (columns !== undefined && value !== undefined) {
    const column = `vec${rows}<${scalarType}>(${value})`;
    return Array.from({ length: Number(columns) }, (_, i) => `${place}[${i}] = ${column};`).join(' ');
  }
  const fields = fieldsOf(wgsl, type)?.map((field) => fillOf(wgsl, `${place}.${field.name}`, field.type, depth)) ?? [
    null,
  ];
  return fields.includes(null) ? null : fields.join('\n');
}

/** Follows aliases of a type. */
function resolved(wgsl: string, type: string): string {
  const [, aliased] = /^\w+$/.test(type) ? (new RegExp(`\\balias\\s+${type}\\s*=\\s*([^;]+);`).exec(wgsl) ?? []) : [];
  return aliased === undefined ? type : resolved(wgsl, aliased.trim());
}
