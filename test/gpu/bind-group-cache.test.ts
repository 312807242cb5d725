// Reuse of bind groups by identity: the same buffers and ranges give the same object, and closing a buffer drops its
// groups.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
  await gatherRows.build(device);
});
afterAll(() => device.close());

function tensors() {
  return {
    x: Tensor.create(device, 'x', 'f32', [4, 2]),
    rows: Tensor.create(device, 'rows', 'i32', [4]),
    out: Tensor.create(device, 'out', 'f32', [4, 2]),
  };
}

describe('bind groups', () => {
  test('are shared by dispatches over the same buffers, also when they use fewer rows', () => {
    const { x, rows, out } = tensors();
    const { bindGroup } = gatherRows.dispatch(device, { x, rows, out }, {});
    expect(gatherRows.dispatch(device, { x, rows, out }, {}).bindGroup).toBe(bindGroup);
    const views = { x: x.prefix([3, 2]), rows: rows.prefix([2]), out: out.prefix([2, 2]) };
    expect(gatherRows.dispatch(device, views, {}).bindGroup).toBe(bindGroup);
  });

  test('are others for another buffer, another range and another order', () => {
    const { x, rows, out } = tensors();
    const { bindGroup } = gatherRows.dispatch(device, { x, rows, out }, {});
    const other = Tensor.create(device, 'other', 'f32', [4, 2]);
    const { buffer } = x.range;
    const part = Tensor.overRange(device, 'part', 'f32', [2, 2], { buffer, offset: 0, size: 16 });
    const groups = [
      { x: other, rows, out },
      { x: part, rows, out },
      { x: out, rows, out: x },
    ].map((others) => gatherRows.dispatch(device, others, {}).bindGroup);
    expect(new Set([bindGroup, ...groups]).size).toBe(4);
  });

  test('are forgotten with each of their buffers', () => {
    const { x, rows, out } = tensors();
    const before = device.bindGroups.size;
    const { bindGroup } = gatherRows.dispatch(device, { x, rows, out }, {});
    const other = Tensor.create(device, 'other', 'f32', [4, 2]);
    gatherRows.dispatch(device, { x, rows, out: other }, {});
    expect(device.bindGroups.size).toBe(before + 2);
    other.close();
    expect(device.bindGroups.size).toBe(before + 1);
    expect(gatherRows.dispatch(device, { x, rows, out }, {}).bindGroup).toBe(bindGroup);
    rows.close();
    expect(device.bindGroups.size).toBe(before);
  });
});
