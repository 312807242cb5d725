// Roofline of an adapter with every variant that was timed (Williams, Waterman and Patterson, "Roofline: An Insightful Visual
// Performance Model for Multicore Architectures", CACM 52(4), 2009; the roof of a cache beside that of memory as in Ilic, Pratas and
// Sousa, "Cache-aware Roofline model", IEEE CAL 13(1), 2014).
import type { Roofline } from '../../src/timing/roofline.ts';
import { type Figure, ratio } from '../../src/util/figures.ts';
import { present } from '../../src/util/statistics.ts';
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import { COLORS, SERIES_COLORS } from '../charts/palette.ts';
import type { KernelResult } from './report.ts';

const HEIGHT = 420;
const PANEL = { columns: 2, width: CHART_WIDTH / 2 - 40, height: 210 };
/** Room beside the outermost points, as a factor. */
const MARGIN = 2;
/** Bytes of a word, in which loads are counted. */
const WORD_BYTES = 4;

/** Place of a variant in the chart. */
interface Point {
  readonly kernel: string;
  /** Operations by byte of memory. */
  readonly intensity: number;
  readonly gflops: number;
  readonly rows: string;
  readonly usedByModel: boolean;
}

/** Part of a roof, from one intensity to another. */
interface Roof {
  readonly roof: string;
  readonly x: number;
  readonly y: number;
  readonly x2: number;
  readonly y2: number;
}

/** Lists the places of the variants that compute and move something; the others have none on logarithmic scales. */
export function pointsOf(results: readonly KernelResult[]): Point[] {
  return results.flatMap(({ kernel, M, usedByModel, gflops, gigabytes }) => {
    const intensity = ratio(gflops, gigabytes);
    if (gflops === null || intensity === null || !(gflops > 0) || !(intensity > 0)) return [];
    return [{ kernel, intensity, gflops, rows: rowsOf(M), usedByModel }];
  });
}

/** Groups of rows, in which bounds change: one, as many as a batch has, those of a prompt. */
const ROWS = ['1 row', '2 to 16 rows', 'more rows'] as const;

function rowsOf(M: number): (typeof ROWS)[number] {
  if (M === 1) return ROWS[0];
  return M <= 16 ? ROWS[1] : ROWS[2];
}

const READ = 'read from memory';
const LOAD = 'loaded from the nearest cache';
const COMPUTE = 'multiply-adds';
/** Lines of the roofs. */
const DASHES = {
  domain: [READ, LOAD, COMPUTE],
  range: [
    [6, 3],
    [2, 2],
    [1, 0],
  ],
};

/** Draws the roofs between two intensities; one that was not measured is missing. */
export function roofsOf({ gigabytes, gigawords, gflops }: Roofline, [least, most]: readonly [number, number]): Roof[] {
  const slope = (roof: string, bandwidth: number | null): Roof[] => {
    if (bandwidth === null) return [];
    const ridge = gflops === null ? most : Math.min(gflops / bandwidth, most);
    return ridge <= least ? [] : [{ roof, x: least, y: least * bandwidth, x2: ridge, y2: ridge * bandwidth }];
  };
  const loaded = gigawords === null ? null : WORD_BYTES * gigawords;
  const start = Math.max(least, (gflops ?? 0) / Math.max(gigabytes ?? 0, loaded ?? 0));
  const flat = gflops === null || start >= most ? [] : [{ roof: COMPUTE, x: start, y: gflops, x2: most, y2: gflops }];
  return [...slope(READ, gigabytes), ...slope(LOAD, loaded), ...flat];
}

/** Makes the charts: all kernels together, then each by itself; none where no variant has a place. */
export function rooflineCharts(results: readonly KernelResult[], roofline: Roofline): Chart[] {
  const points = pointsOf(results);
  if (points.length === 0) return [];
  const domain = domainOf(points, roofline);
  const roofs = roofsOf(roofline, domain.intensity);
  return [allKernels(points, roofs, domain), ...eachKernel(points, roofs, domain)];
}

/** Ranges of the axes. */
interface Domain {
  readonly intensity: readonly [number, number];
  readonly gflops: readonly [number, number];
}

/** Finds ranges with all points and the ends of the slopes. */
function domainOf(points: readonly Point[], { gflops, gigabytes, gigawords }: Roofline): Domain {
  const range = (values: readonly Figure[]) => {
    const known = present(values);
    return [Math.min(...known) / MARGIN, Math.max(...known) * MARGIN] as const;
  };
  const ridges = [gigabytes, gigawords === null ? null : WORD_BYTES * gigawords].map((roof) => ratio(gflops, roof));
  return {
    intensity: range([...points.map(({ intensity }) => intensity), ...ridges]),
    gflops: range([...points.map((point) => point.gflops), gflops]),
  };
}

/** Splits a layer of points: filled where the model takes the variant, else hollow. */
function pointLayers(encoding: object, size: number) {
  return [false, true].map((filled) => ({
    transform: [{ filter: `datum.usedByModel === ${filled}` }],
    mark: { type: 'point' as const, filled, size, strokeWidth: 1.5, opacity: 0.9, aria: false },
    encoding,
  }));
}

function allKernels(points: readonly Point[], roofs: readonly Roof[], domain: Domain): Chart {
  const kernels = [...new Set(points.map(({ kernel }) => kernel))];
  const encoding = {
    ...places(domain),
    color: { field: 'kernel', type: 'nominal', title: null, scale: paletteOf(kernels), legend: { columns: 6 } },
    shape: { field: 'kernel', type: 'nominal', title: null, scale: { domain: kernels, range: shapesOf(kernels) } },
  };
  return {
    name: 'roofline',
    title: 'Roofline of the adapter, with every variant',
    caption:
      'Each point is a variant of a kernel at one size; its colour and shape name the kernel. To the right: operations by byte of memory that is read or written; ' +
      'upwards: GFLOP/s, billions of operations in a second; both on logarithmic scales. Higher is faster. The lines are what the adapter did at best when it was measured: nothing that reads all its bytes from memory can be above that slope, nothing that loads each word from the ' +
      'nearest cache once above the other, and nothing at all above the flat roof, which only multiply-adds reach. On a software adapter both slopes are about the same. A point well below the lines has something else in its way. Filled points are the variants that the model takes, hollow ones the others.',
    spec: {
      width: CHART_WIDTH,
      height: HEIGHT,
      layer: [
        {
          data: { values: [...roofs] },
          mark: { type: 'rule', color: COLORS.ink, strokeWidth: 2, aria: false },
          encoding: {
            ...roofPlaces(domain),
            strokeDash: { field: 'roof', type: 'nominal', title: null, scale: DASHES },
          },
        },
        { data: { values: [...points] }, layer: pointLayers(encoding, 45) },
      ],
    },
  };
}

function eachKernel(points: readonly Point[], roofs: readonly Roof[], domain: Domain): Chart[] {
  const kernels = [...new Set(points.map(({ kernel }) => kernel))];
  const ofKernel = kernels.flatMap((kernel) => roofs.map((roof) => ({ ...roof, kernel })));
  const colors = { domain: [...ROWS], range: [COLORS.orange, COLORS.blue, COLORS.teal] };
  return [
    {
      name: 'roofline-kernels',
      title: 'The same, kernel by kernel',
      caption:
        'The axes are the same: to the right operations by byte, upwards GFLOP/s. Orange: 1 row, as in a step of a single sequence. Blue: 2 to 16 rows, a step of a ' +
        'batch. Teal: more rows, a prompt. More rows share the weights that are read, so their points lie further right. Grey lines are the roofs, filled points the variants that the model takes.',
      spec: {
        columns: PANEL.columns,
        spacing: 26,
        data: { values: [...ofKernel, ...points] },
        facet: { field: 'kernel', title: null, sort: kernels, header: { labelAnchor: 'start', labelPadding: 2 } },
        spec: {
          width: PANEL.width,
          height: PANEL.height,
          layer: [
            {
              transform: [{ filter: 'isValid(datum.roof)' }],
              mark: { type: 'rule', color: COLORS.muted, strokeWidth: 1.5, aria: false },
              encoding: roofPlaces(domain),
            },
            ...pointLayers(
              { ...places(domain), color: { field: 'rows', type: 'nominal', title: null, scale: colors } },
              40,
            ),
          ],
        },
      },
    },
  ];
}

function places(domain: Domain) {
  const log = { type: 'log' as const, nice: false };
  const axis = { format: '~g', labelOverlap: 'greedy' as const, labelSeparation: 5, gridOpacity: 0.5 };
  return {
    x: {
      field: 'intensity',
      type: 'quantitative' as const,
      title: 'operations by byte',
      scale: { ...log, domain: [...domain.intensity] },
      axis,
    },
    y: {
      field: 'gflops',
      type: 'quantitative' as const,
      title: 'GFLOP/s',
      scale: { ...log, domain: [...domain.gflops] },
      axis,
    },
  };
}

function roofPlaces(domain: Domain) {
  const { x, y } = places(domain);
  return { x: { ...x, field: 'x' }, y: { ...y, field: 'y' }, x2: { field: 'x2' }, y2: { field: 'y2' } };
}

function paletteOf(kernels: readonly string[]) {
  return { domain: [...kernels], range: kernels.map((_, i) => SERIES_COLORS[i % SERIES_COLORS.length]!) };
}

/** Tells kernels apart that have a colour in common. */
const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'cross'];

function shapesOf(kernels: readonly string[]): string[] {
  return kernels.map((_, i) => SHAPES[Math.floor(i / SERIES_COLORS.length) % SHAPES.length]!);
}
