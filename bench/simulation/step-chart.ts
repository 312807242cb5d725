// Steps of the recorded runs beside the times that the fitted costs expect of them.
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import { COLORS } from '../charts/palette.ts';
import type { CostModel, MeasuredStep } from './cost-model.ts';

const SIZE = 340;
/** Most points: every second, third, … of more steps is drawn. */
const MAX_POINTS = 1500;
/** Room below the shortest expected time, as a factor. */
const MARGIN = 5;
const KINDS = [
  { kind: 'generates only', color: COLORS.blue },
  { kind: 'computes prompts, too', color: COLORS.orange },
] as const;

/** Makes the chart; null where no step has a time that a logarithmic scale has a place for. */
export function stepChart(steps: readonly MeasuredStep[], costs: CostModel): Chart | null {
  const stride = Math.ceil(steps.length / MAX_POINTS);
  const values = steps
    .filter((_, i) => i % stride === 0)
    .map(({ rows, milliseconds }) => ({
      expected: costs.expect(rows),
      measured: milliseconds,
      kind: KINDS[rows.some(({ numTokens }) => numTokens > 1) ? 1 : 0].kind,
    }))
    .filter(({ expected, measured }) => expected > 0 && measured > 0);
  if (values.length === 0) return null;
  const times = values.flatMap(({ expected, measured }) => [expected, measured]);
  const domain = [Math.min(...values.map(({ expected }) => expected)) / MARGIN, Math.max(...times)];
  const axis = { format: '~g', labelOverlap: 'greedy' as const, labelSeparation: 5, gridOpacity: 0.5 };
  const scale = { type: 'log' as const, domain, nice: false, clamp: true };
  return {
    name: 'steps',
    title: 'Time of each recorded step, expected and measured',
    caption:
      'A point is a step of the recorded runs. To the right: expected milliseconds; upwards: measured milliseconds; both on logarithmic scales. Blue: it generates only. Orange: it computes prompts, too. On the line it took as long as the fitted costs expect of its rows; above it took longer. ' +
      'The simulator draws the time of a step from the points around its own expected time, so their scatter is in the simulation, too. ' +
      'Points at the lower edge were measured shorter still.',
    spec: {
      width: Math.min(SIZE * 1.5, CHART_WIDTH),
      height: SIZE,
      layer: [
        {
          data: { values: domain.map((time) => ({ time })) },
          mark: { type: 'line', color: COLORS.muted, strokeWidth: 1.5, aria: false },
          encoding: { x: { field: 'time', type: 'quantitative' }, y: { field: 'time', type: 'quantitative' } },
        },
        {
          data: { values },
          mark: { type: 'point', size: 20, strokeWidth: 1.2, opacity: 0.7, aria: false },
          encoding: {
            x: { field: 'expected', type: 'quantitative', title: 'expected milliseconds', scale, axis },
            y: { field: 'measured', type: 'quantitative', title: 'measured milliseconds', scale, axis },
            color: {
              field: 'kind',
              type: 'nominal',
              title: null,
              scale: { domain: KINDS.map(({ kind }) => kind), range: KINDS.map(({ color }) => color) },
            },
          },
        },
      ],
    },
  };
}
