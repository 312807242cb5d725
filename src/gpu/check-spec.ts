// The declaration of a kernel, checked as a whole when it is made: an unknown key would be a rule that never applies.
import { checkKeys, isRecord, type KeyTable } from '../util/keys.ts';
import { quote } from '../util/quote.ts';
import { KernelError } from './errors.ts';
import type { BindingSpec, KernelSpec } from './kernel-spec.ts';
import { unknownName } from './operands.ts';
import { DTYPES } from './tensor-data.ts';

const SPEC_KEYS: KeyTable<KernelSpec> = {
  name: true,
  shader: true,
  source: true,
  modules: true,
  bindings: true,
  params: true,
  extras: true,
  defaults: true,
  conditions: true,
  constants: true,
  overrides: true,
  tunables: true,
  requires: true,
  bits: true,
  supports: true,
  accepts: true,
  workgroups: true,
  cost: true,
};
const BINDING_KEYS: KeyTable<BindingSpec> = { access: true, dtype: true, shape: true, packed: true };
const ACCESS: readonly string[] = ['read', 'read_write'];
const BITS: readonly unknown[] = [undefined, 'all', 'runs', 'none'];
const SCALARS: readonly string[] = ['u32', 'i32', 'f32'];
const NAME = /^[A-Za-z_]\w*$/;

/**
 * Checks a declaration.
 *
 * @throws RangeValueError for an unknown key; KernelError for a value of another type than the key's.
 */
export function checkSpec(spec: KernelSpec): void {
  checkKeys('kernel', spec, SPEC_KEYS);
  const { name } = spec;
  const fail = (key: string, value: unknown, expected: string): never => {
    const kernel = typeof name === 'string' ? name : 'kernel';
    throw new KernelError(kernel, `${key} is ${quote(value)}, expected ${expected}`);
  };
  if (typeof name !== 'string' || name === '') fail('name', name, 'a text');
  const { shader = name, source = '' } = spec;
  if (typeof source !== 'string') fail('source', source, 'a text');
  if (typeof shader !== 'string') {
    const isChoice = isRecord(shader) && Object.values(shader).every((file) => typeof file === 'string');
    if (!isChoice || !Object.hasOwn(shader, 'otherwise')) fail('shader', shader, "a text, or texts with 'otherwise'");
  }
  for (const key of ['conditions', 'constants', 'overrides', 'supports', 'accepts', 'cost'] as const) {
    if (spec[key] !== undefined && typeof spec[key] !== 'function') fail(key, spec[key], 'a function');
  }
  if (!BITS.includes(spec.bits)) fail('bits', spec.bits, 'one of all, runs, none');
  if (typeof spec.workgroups !== 'function') fail('workgroups', spec.workgroups, 'a function');
  const entriesOf = <T>(key: string, value: Readonly<Record<string, T>>): [string, T][] =>
    isRecord(value) ? Object.entries(value) : fail(key, value, 'an object');
  for (const [module, text] of entriesOf('modules', spec.modules ?? {})) {
    if (typeof text !== 'string') fail(`module ${module}`, text, 'a text');
  }
  for (const [binding, declared] of entriesOf('bindings', spec.bindings)) checkBinding(name, binding, declared);
  for (const [param, type] of entriesOf('params', spec.params ?? {})) {
    if (!SCALARS.includes(type)) fail(`param ${param}`, type, `one of ${SCALARS.join(', ')}`);
  }
  const { extras = [], requires = [] } = spec;
  for (const [key, names] of Object.entries({ extras, requires })) {
    if (!Array.isArray(names) || !names.every((each) => typeof each === 'string')) fail(key, names, 'names');
  }
  const scalars = [...Object.keys(spec.params ?? {}), ...extras];
  for (const [scalar, value] of entriesOf('defaults', spec.defaults ?? {})) {
    if (!scalars.includes(scalar)) throw unknownName(name, 'scalar', scalar, scalars);
    if (!Number.isFinite(value)) fail(`default of ${scalar}`, value, 'a number');
  }
  for (const [tunable, values] of entriesOf('tunables', spec.tunables ?? {})) {
    const isList = Array.isArray(values) && values.length > 0 && values.every(Number.isFinite);
    if (!isList) fail(`tunable ${tunable}`, values, 'numbers');
  }
}

function checkBinding(kernel: string, name: string, binding: BindingSpec): void {
  const what = `binding ${name}`;
  const expected = 'what read, write or readPacked makes';
  if (typeof binding !== 'object' || binding === null) {
    throw new KernelError(kernel, `${what} is ${quote(binding)}, expected ${expected}`);
  }
  checkKeys(`${what} of ${kernel}`, binding, BINDING_KEYS);
  const { access, dtype, shape } = binding;
  if (!ACCESS.includes(access))
    throw new KernelError(kernel, `${what} has access ${quote(access)}, expected ${expected}`);
  if (!DTYPES.includes(dtype)) {
    throw new KernelError(kernel, `${what}: dtype is ${quote(dtype)}, expected one of ${DTYPES.join(', ')}`);
  }
  if (!Array.isArray(shape)) throw new KernelError(kernel, `${what} has shape ${quote(shape)}, expected ${expected}`);
  for (const dim of shape) {
    const isName = typeof dim === 'string' && NAME.test(dim);
    const isSize = typeof dim === 'number' && Number.isSafeInteger(dim) && dim >= 0;
    if (isName || isSize || typeof dim === 'function') continue;
    throw new KernelError(kernel, `${what} has size ${quote(dim)}, expected a letter, a natural number or a function`);
  }
}
