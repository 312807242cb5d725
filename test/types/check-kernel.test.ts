// Read by `tsc`, not run: each expected error must be one, and nothing else may be.
import { expectTypeOf, test } from 'vitest';
import { type Device, defineKernel, layernorm, read, type Tensor, write } from '../../src/kernels/index.ts';
import {
  type Bound,
  bounds,
  type CheckReport,
  checkKernel,
  examineKernel,
  type KernelCheckError,
  type Reference,
  runGuarded,
  type TensorData,
} from '../../src/testing/index.ts';

declare const device: Device;
declare const t: Tensor;
const x = Float32Array.of(1);
const reference: Reference = ({ x }) => ({ y: x! });

/** y[N] = a · x[N] */
const scale = defineKernel({
  name: 'scale',
  bindings: { x: read('N'), y: write('N') },
  params: { N: 'u32', a: 'f32' },
  constants: () => ({ ROWS: 1 }),
  bits: 'runs',
  workgroups: () => [1, 1, 1],
});

test('a check takes arrays, shapes and tensors by the names of the kernel, and leaves outputs out', () => {
  void (() => [
    checkKernel(device, scale, { x }, { a: 1 }, { reference }),
    checkKernel(device, scale, { x: [1, 2], y: { shape: [2] } }, { a: 1 }, { expect: { y: [1, 2] } }),
    checkKernel(device, scale, { x: t }, { a: 1 }, { expect: { y: { want: [1], magnitude: [1] } } }),
    checkKernel(device, layernorm, { x: { data: x, shape: [1, 1] }, gamma: x, beta: x }, { eps: 1 }, { reference }),
    // @ts-expect-error: there is no z
    checkKernel(device, scale, { z: x }, { a: 1 }, { reference }),
    // @ts-expect-error: a is missing
    checkKernel(device, scale, { x }, {}, { reference }),
    // @ts-expect-error: a text is no data
    checkKernel(device, scale, { x: 'one' }, { a: 1 }, { reference }),
  ]);
});

test('options have the names of the kernel', () => {
  void (() => [
    checkKernel(
      device,
      scale,
      { x },
      { a: 1 },
      { reference, variants: [{ constants: { ROWS: 2 } }], lanes: ['reversed'] },
    ),
    checkKernel(device, scale, { x }, { a: 1 }, { reference, bound: { y: bounds.ulps(2) }, inputs: ['nan'] }),
    // @ts-expect-error: there is no COLUMNS
    checkKernel(device, scale, { x }, { a: 1 }, { reference, variants: [{ constants: { COLUMNS: 2 } }] }),
    // @ts-expect-error: no such order
    checkKernel(device, scale, { x }, { a: 1 }, { reference, lanes: ['sideways'] }),
    // @ts-expect-error: repeats
    checkKernel(device, scale, { x }, { a: 1 }, { reference, repeats: 2 }),
    // @ts-expect-error: bounds of ulps need a number
    checkKernel(device, scale, { x }, { a: 1 }, { reference, bound: bounds.ulps() }),
    // @ts-expect-error: runs of one variant are compared with nothing
    runGuarded(device, scale, { x }, { a: 1 }, { reference }),
  ]);
});

test('reports, errors and outputs are typed', () => {
  void (async () => {
    expectTypeOf(await examineKernel(device, scale, { x }, { a: 1 }, { reference })).toEqualTypeOf<CheckReport>();
    expectTypeOf(await runGuarded(device, scale, { x }, { a: 1 })).toEqualTypeOf<
      Readonly<Record<string, TensorData>>
    >();
  });
  expectTypeOf<KernelCheckError['report']>().toEqualTypeOf<CheckReport>();
  expectTypeOf(bounds.exact).toExtend<Bound>();
});
