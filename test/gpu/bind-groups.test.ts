// Bind groups and the scalars in them: shared where both are equal, free for other scalars once nothing holds them, and gone with
// their buffers.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { BoundGroup } from '../../src/gpu/bind-groups.ts';
import { Device } from '../../src/gpu/device.ts';
import { Program } from '../../src/gpu/program.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';

let device: Device;
beforeEach(async () => {
  device = await Device.open();
  await Promise.all([gatherRows.build(device), layernorm.build(device)]);
});
afterEach(() => {
  vi.restoreAllMocks();
  device.close();
});

function tensors() {
  return {
    x: Tensor.create(device, 'x', 'f32', [4, 2]),
    rows: Tensor.create(device, 'rows', 'i32', [4]),
    out: Tensor.create(device, 'out', 'f32', [4, 2]),
  };
}

/** A row of a layer norm, whose scalar is `eps`. */
function norm() {
  const x = Tensor.from(device, 'x', Float32Array.of(-1, 1), [1, 2]);
  const gamma = Tensor.from(device, 'gamma', Float32Array.of(1, 1));
  const beta = Tensor.create(device, 'beta', 'f32', [2]);
  const out = Tensor.create(device, 'out', 'f32', [1, 2]);
  return { out, of: (eps: number) => layernorm.dispatch(device, { x, gamma, beta, out }, { eps }) };
}

const gather = (operands: ReturnType<typeof tensors>): BoundGroup =>
  device.bindGroups.hold(gatherRows.dispatch(device, operands, {}).operands);

describe('a bind group', () => {
  test('is shared by dispatches over the same buffers, also when they use fewer rows', () => {
    const { x, rows, out } = tensors();
    const held = gather({ x, rows, out });
    expect(gather({ x, rows, out })).toBe(held);
    expect(gather({ x: x.prefix([3, 2]), rows: rows.prefix([2]), out: out.prefix([2, 2]) })).toBe(held);
  });

  test('is another one for another buffer, another range and another order', () => {
    const { x, rows, out } = tensors();
    const other = Tensor.create(device, 'other', 'f32', [4, 2]);
    const { buffer } = x.range;
    const part = Tensor.overRange(device, 'part', 'f32', [2, 2], { buffer, offset: 0, size: 16 });
    const operands = [
      { x, rows, out },
      { x: other, rows, out },
      { x: part, rows, out },
      { x: out, rows, out: x },
    ];
    expect(new Set(operands.map((each) => gather(each).group)).size).toBe(4);
  });

  test('is forgotten with each of its buffers', () => {
    const { x, rows, out } = tensors();
    const held = gather({ x, rows, out });
    const other = Tensor.create(device, 'other', 'f32', [4, 2]);
    gather({ x, rows, out: other });
    expect(device.bindGroups.size).toBe(2);
    other.close();
    expect(device.bindGroups.size).toBe(1);
    expect(gather({ x, rows, out })).toBe(held);
    rows.close();
    expect(device.bindGroups.size).toBe(0);
  });

  test('is another one for other scalars while it is held, and gets them once it is free', () => {
    const { of } = norm();
    const { bindGroups } = device;
    const [zero, three] = [bindGroups.hold(of(0).operands), bindGroups.hold(of(3).operands)];
    expect(three.group).not.toBe(zero.group);
    expect(bindGroups.hold(of(3).operands)).toBe(three);
    bindGroups.release(zero);
    expect(bindGroups.hold(of(8).operands)).toBe(zero);
    bindGroups.release(three);
    // Still held by the second of its dispatches.
    expect(bindGroups.hold(of(15).operands)).not.toBe(three);
    expect(bindGroups.size).toBe(3);
  });
});

describe('scalars', () => {
  test('of programs that are open at once stay apart, and those of one after another take one bind group', async () => {
    const { out, of } = norm();
    const read = async (program: Program) => {
      program.submit();
      return (await out.readF32())[1];
    };
    const open = [3, 15].map((eps) => new Program(device, `eps ${eps}`, [of(eps)]));
    // 1 / sqrt(1 + eps)
    for (const round of [1, 2]) {
      expect(await read(open[0]!), `round ${round}`).toBeCloseTo(1 / 2, 6);
      expect(await read(open[1]!), `round ${round}`).toBeCloseTo(1 / 4, 6);
    }
    for (const program of open) program.close();
    for (let root = 2; root < 300; root++) {
      using program = new Program(device, 'one', [of(root * root - 1)]);
      program.submit();
    }
    expect((await out.readF32())[1]).toBeCloseTo(1 / 299, 6);
    expect(device.bindGroups.size).toBe(2);
  });

  test('of a submitted step are not those of a later one', async () => {
    const { out, of } = norm();
    const seen: Promise<Float32Array>[] = [];
    for (const root of [2, 4, 8]) {
      using program = new Program(device, 'step', [of(root * root - 1)]);
      program.submit();
      seen.push(out.readF32());
    }
    const values = (await Promise.all(seen)).map((row) => row[1]);
    for (const [index, root] of [2, 4, 8].entries()) expect(values[index]).toBeCloseTo(1 / root, 6);
  });

  test('of all dispatches of a program arrive in one write, and in none where they are there', () => {
    const norms = [norm(), norm(), norm()];
    const write = vi.spyOn(device.gpu.queue, 'writeBuffer');
    const record = () =>
      new Program(
        device,
        'norms',
        norms.map((each, index) => each.of(index)),
      );
    const [first, second] = [record(), record()];
    expect(write).toHaveBeenCalledTimes(1);
    first.close();
    second.close();
    record();
    expect(write).toHaveBeenCalledTimes(1);
  });

  test('of more dispatches than a buffer has slices for are right, too', async () => {
    const { out, of } = norm();
    // A slice of 256 bytes for each, in buffers of 256 slices.
    const programs = Array.from({ length: 600 }, (_, n) => new Program(device, 'norm', [of((n + 2) ** 2 - 1)]));
    for (const n of [0, 255, 256, 599]) {
      programs[n]!.submit();
      expect((await out.readF32())[1], `dispatch ${n}`).toBeCloseTo(1 / (n + 2), 6);
    }
  });

  test('take no room any more once their program and a tensor are closed, in either order', () => {
    const create = vi.spyOn(device.gpu, 'createBuffer');
    for (let n = 0; n < 600; n++) {
      const { out, of } = norm();
      const program = new Program(device, 'norm', [of(n)]);
      for (const owner of n % 2 ? [program, out] : [out, program]) owner.close();
    }
    expect(device.bindGroups.size).toBe(0);
    expect(create.mock.calls.filter(([{ label }]) => label === 'scalars')).toHaveLength(1);
  });
});
