// Checks of what shaders print: each lane of a grid of three dimensions, alone and all of them, in a buffer that is full.
import { isDeepStrictEqual } from 'node:util';
import type { Device } from '../../../src/gpu/device.ts';
import { defineKernel, type Kernel } from '../../../src/gpu/kernel.ts';
import { write } from '../../../src/gpu/kernel-spec.ts';
import type { PrintedLine, PrintFilter } from '../../../src/gpu/print.ts';
import { Tensor } from '../../../src/gpu/tensor.ts';

const GRID = [2, 3, 2] as const;
const WORKGROUP = [2, 2, 3] as const;
const HALF = -0.5;

/** y = 1, after each lane has printed its place. */
const placePrinter = defineKernel({
  name: 'print_places',
  source: `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(${WORKGROUP.join()}) fn main(@builtin(global_invocation_id) id: vec3u) {
  @if(DEBUG) {
    print_u32(3, id.x + 100 * id.y + 10000 * id.z);
    print_i32(0, -i32(id.x) - 1);
    print_f32(9, f32(id.z) * ${HALF});
  }
  y[0] = 1u;
}`,
  bindings: { y: write.u32(1) },
  workgroups: () => GRID,
});

/** Lists the places of a box in the order of their numbers: x first. */
function placesIn([X, Y, Z]: readonly [number, number, number]): (readonly [number, number, number])[] {
  return Array.from({ length: X * Y * Z }, (_, i) => [i % X, Math.floor(i / X) % Y, Math.floor(i / X / Y)] as const);
}

function expectedLines(): PrintedLine[] {
  return placesIn(GRID).flatMap((workgroup) =>
    placesIn(WORKGROUP).flatMap((local, lane): PrintedLine[] => {
      const [x = 0, y = 0, z = 0] = local.map((at, d) => at + workgroup[d]! * WORKGROUP[d]!);
      const place = { workgroup, lane, local };
      return [
        { ...place, tag: 3, name: 'tag 3', type: 'u32', value: x + 100 * y + 10000 * z },
        { ...place, tag: 0, name: 'first', type: 'i32', value: -x - 1 },
        { ...place, tag: 9, name: 'tag 9', type: 'f32', value: z * HALF },
      ];
    }),
  );
}

/** Compares the lines of all lanes and of some, and what is lost of them where there is room for one less. */
export async function checkPrints(
  device: Device,
  replace: (kernel: Kernel) => Kernel = (kernel) => kernel,
): Promise<void> {
  const kernel = replace(placePrinter);
  using y = Tensor.create(device, 'y', 'u32', [1]);
  const all = expectedLines();
  const filters: [PrintFilter, (line: PrintedLine) => boolean][] = [
    [{}, () => true],
    [{ lane: 4 }, ({ lane }) => lane === 4],
    [{ workgroup: [1, 2, 1] }, ({ workgroup }) => workgroup.join() === '1,2,1'],
    [{ workgroup: [0, 1], lane: 5 }, ({ workgroup, lane }) => workgroup.join() === '0,1,0' && lane === 5],
  ];
  for (const [only, passes] of filters) {
    const want = all.filter(passes);
    for (const room of [want.length, want.length - 1]) {
      const options = { capacity: room, tags: ['first'], only };
      const { lines, lost } = await kernel.run(device, { y }, {}, undefined, { print: options });
      const isFull = room < want.length;
      const known = isFull ? lines.filter((line) => want.some((wanted) => isDeepStrictEqual(line, wanted))) : want;
      if (lines.length !== room || lost !== want.length - room || !isDeepStrictEqual(lines, known)) {
        throw new Error(
          `only ${JSON.stringify(only)}, room for ${room} of ${want.length}: ${lines.length} and ${lost} lost`,
        );
      }
    }
  }
}
