// Recorded programs: replayed any number of times, they run the same dispatches and create no GPU object.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import '../../src/testing/vitest.ts';
import { CREATING_CALLS } from '../support/gpu/creating-calls.ts';
import { mutant } from '../support/kernels/mutant.ts';

describe.each(['auto', 'base'] as const)('a program on a device with %s features', (features) => {
  let device: Device;
  beforeEach(async () => {
    device = await Device.open({ features });
  });
  afterEach(() => device.close());

  /** Three layer norms that differ in a scalar alone, and a gather with other scalars between them. */
  async function record() {
    const x = Tensor.from(device, 'x', Float32Array.of(-1, 1, -2, 2), [2, 2]);
    const gamma = Tensor.from(device, 'gamma', Float32Array.of(1, 1));
    const beta = Tensor.create(device, 'beta', 'f32', [2]);
    const rows = Tensor.from(device, 'rows', Int32Array.of(1, 0));
    const outs = [0, 3, 15].map((eps) => ({ eps, out: Tensor.create(device, 'out', 'f32', [2, 2]) }));
    const gathered = Tensor.create(device, 'gathered', 'f32', [2, 2]);
    const recorder = new Recorder(device);
    for (const { eps, out } of outs) {
      recorder.add(layernorm, { x, gamma, beta, out }, { eps });
      recorder.add(gatherRows, { x: out, rows, out: gathered }, {});
    }
    const program = await recorder.finish('norms');
    // A dispatch added afterwards belongs to the next program.
    recorder.add(gatherRows, { x, rows, out: gathered }, {});
    expect(program.dispatches).toHaveLength(2 * outs.length);
    return { program, x, outs: outs.map(({ out }) => out), gathered };
  }

  test('builds what it needs when it is finished, and nothing where all is built', async () => {
    const compile = vi.spyOn(device.gpu, 'createComputePipelineAsync');
    await record();
    expect(compile).toHaveBeenCalledTimes(2);
    await record();
    expect(compile).toHaveBeenCalledTimes(2);
    vi.restoreAllMocks();
  });

  test('is not finished when a kernel does not compile', async () => {
    const kernel = mutant(gatherRows, [['x[u32(rows[global.y])', 'x[vec2f(1.0)']]);
    const [x, rows] = [Tensor.create(device, 'x', 'f32', [1, 1]), Tensor.create(device, 'rows', 'i32', [1])];
    const out = Tensor.create(device, 'out', 'f32', [1, 1]);
    const recorder = new Recorder(device).add(kernel, { x, rows, out }, {});
    await expect(recorder.finish('broken')).rejects.toThrow('gather_rows: ');
  });

  test('runs its dispatches in order, each with its own scalars, whenever it is submitted', async () => {
    const { program, x, outs, gathered } = await record();
    const read = async () => {
      const values = await Promise.all([...outs, gathered].map((tensor) => tensor.readF32()));
      return values.flatMap((value) => [...value]);
    };
    // (x - 0) / sqrt(x^2 + eps); the gather of the last one stays.
    const normed = (value: number, eps: number) => value / Math.sqrt(value * value + eps);
    const rows = (eps: number, a: number, b: number) => [-a, a, -b, b].map((value) => normed(value, eps));
    const all = (a: number, b: number) => [...rows(0, a, b), ...rows(3, a, b), ...rows(15, a, b), ...rows(15, b, a)];
    // Two roundings and WGSL's accuracy of sqrt and of two divisions: below ten units in the last place.
    const tolerance = { rel: 10 * 2 ** -23 };
    program.submit();
    expect(await read()).toBeWithin(all(1, 2), tolerance, { label: 'first' });
    x.write(Float32Array.of(-7, 7, -1, 1));
    program.submit();
    expect(await read()).toBeWithin(all(7, 1), tolerance, { label: 'replayed' });
  });

  test('creates nothing when it is replayed', async () => {
    const { program } = await record();
    const spies = CREATING_CALLS.map((name) => vi.spyOn(device.gpu, name));
    for (let n = 0; n < 3; n++) program.submit();
    expect(spies.map((spy) => spy.mock.calls.length)).toEqual(CREATING_CALLS.map(() => 0));
    vi.restoreAllMocks();
    const spy = vi.spyOn(device.gpu, 'createBindGroup');
    await record();
    expect(spy).toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  test('owns no tensor, and gives back what it owns', async () => {
    const before = device.liveBuffers;
    const { program } = await record();
    const tensors = 8;
    program.close();
    program.close();
    expect(device.liveBuffers).toBe(before + tensors);
    expect(() => program.submit()).toThrow(/: the program was closed: record it again$/);
  });
});
