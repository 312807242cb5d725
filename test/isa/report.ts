// The tables of a family: its shaders, and its decode steps dispatch by dispatch.
import { kOfLane } from '../../bench/estimate/loop-work.ts';
import { formatRow } from '../../bench/report/table.ts';
import { type LaunchFigures, type ModelFigures, mainLoop, type ShaderFigures, type StepFigures } from './figures.ts';
import { stepName } from './limits.ts';

const SHADER_WIDTHS = [-9, -7, -7, -6, -5, 1, 26, 0];
const SHADER_HEAD = ['registers', 'spilled', 'scratch', 'shared', 'waves', '', 'loops: waits (in flight)', 'shader'];
const LAUNCH_WIDTHS = [16, 15, 26, 26, 26, 26];

/** Formats the lines of a family's report. */
export function formatFamily(figures: ModelFigures): string[] {
  const { family, adapter, driver, shaders, steps } = figures;
  return [
    `${family}: ${adapter}, ${driver}`,
    '',
    formatRow(SHADER_HEAD, SHADER_WIDTHS),
    ...shaders.map(formatShader),
    '',
    formatRow(['dispatches × (workgroups × lanes): waits'], LAUNCH_WIDTHS),
    formatRow(['kernel', 'use', ...steps.map(stepName)], LAUNCH_WIDTHS),
    ...formatLaunches(steps),
    formatRow(
      ['all', '', ...steps.map(({ launches, waits }) => `${launches.length}: ${grouped(waits)}`)],
      LAUNCH_WIDTHS,
    ),
    formatRow(['matmuls', 'per 32 k', ...steps.map((step) => formatMainLoops(step, figures))], LAUNCH_WIDTHS),
    '',
    `multiply-adds in the loops of matmuls: ${formatRoundings(figures)}`,
  ];
}

function formatShader(shader: ShaderFigures): string {
  const { label, uses, registers, spilled, scratch, shared, waves } = shader;
  const alike = Map.groupBy(shader.loops, ({ memory }) => `${memory.waits} (${memory.inFlight})`);
  const loops = [...alike].map(([text, { length }]) => (length === 1 ? text : `${length} × ${text}`)).join(', ');
  const name = uses.length === 0 ? label : `${label}: ${uses.join(', ')}`;
  return formatRow([...[registers, spilled, scratch, shared, waves].map(String), '', loops, name], SHADER_WIDTHS);
}

/** Formats a line for each kernel and use, with a column for each step. */
function formatLaunches(steps: readonly StepFigures[]): string[] {
  const nameOf = ({ kernel, use }: LaunchFigures) => `${kernel}\n${use ?? ''}`;
  const names = new Set(steps.flatMap(({ launches }) => launches.map(nameOf)));
  return [...names].map((name) => {
    const cells = steps.map(({ launches }) => formatLaunch(launches.filter((launch) => nameOf(launch) === name)));
    return formatRow([...name.split('\n'), ...cells], LAUNCH_WIDTHS);
  });
}

function formatLaunch(launches: readonly LaunchFigures[]): string {
  const [first] = launches;
  if (first === undefined) return '–';
  return `${launches.length} × (${first.workgroups} × ${first.lanes}): ${grouped(first.waits.total)}`;
}

/** Formats the most waits per 32 k of a lane in the main loops of a step's matmuls, and the fewest loads in flight. */
function formatMainLoops({ launches }: StepFigures, { shaders }: ModelFigures): string {
  const loops = launches.flatMap(({ label, sizes, waits: { inLoops } }) => {
    const loop = mainLoop(shaders.find((shader) => shader.label === label)!);
    if (sizes.K === undefined || loop === null) return [];
    return [{ waits: ((inLoops[0] ?? 0) * 32) / kOfLane(sizes), inFlight: loop.memory.inFlight }];
  });
  const waits = Math.max(...loops.map((loop) => loop.waits));
  return `${waits} (${Math.min(...loops.map(({ inFlight }) => inFlight))} in flight)`;
}

/** Counts the shaders of matmuls by the rounding of their multiply-adds. */
function formatRoundings({ shaders }: ModelFigures): string {
  const matmuls = shaders.filter(({ kernel }) => kernel.startsWith('matmul'));
  const counts = Map.groupBy(matmuls, ({ rounding }) => rounding);
  return [...counts]
    .map(([rounding, { length }]) => `${rounding ?? 'absent'} in ${length} of ${matmuls.length}`)
    .join(', ');
}

const grouped = (value: number) => value.toLocaleString('en-US');
