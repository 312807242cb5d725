// The findings of a page in sentences, each with the numbers that were measured: what came out, and why.
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import { formatFigure, ratio } from '../../src/util/figures.ts';
import type { Verdict } from '../closed-loop/verdict.ts';
import type { OpenLoopReport } from '../open-loop/report.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';
import { placeShares } from './place-time.ts';
import { SCHEDULER_WORDS } from './scheduler-words.ts';
import type { StepTime } from './step-time-chart.ts';
import { countRequests, formatMs, formatShare, listWords } from './words.ts';

/** Findings of runs. */
export interface Story {
  readonly runs: readonly OpenLoopRun[];
  readonly reports: ReadonlyMap<SchedulerName, OpenLoopReport>;
  /** Requests that a step has places for. */
  readonly numPlaces: number;
  readonly verdict: Verdict;
  readonly times: readonly StepTime[];
}

/** Tells what ran and how fast. */
export function leadOf({ runs, reports, numPlaces, verdict }: Story): string[] {
  const numRequests = Math.max(...runs.map(({ outcomes }) => outcomes.length));
  const rules = runs.map(({ mode }) => `${mode} (${SCHEDULER_WORDS[mode].rule})`);
  const speeds = runs.map(
    ({ mode }) => `${formatFigure(reports.get(mode)?.outputThroughput ?? null, 0)} under ${mode}`,
  );
  const places = `A step of the model takes up to ${numPlaces} requests at a time.`;
  const arrivals = arrivalsOf(runs);
  const what =
    runs.length === 1
      ? `This is a run of ${countRequests(numRequests)} under the scheduler ${listWords(rules)}. ${arrivals} ${places}`
      : `The same ${countRequests(numRequests)} ran under ${runs.length} schedulers, which decide when a waiting request starts: ${listWords(rules)}. ${arrivals} ${places}`;
  return [what, `Generated tokens per second: ${listWords(speeds)}.${gainsOf(reports)}${equalityOf(runs, verdict)}`];
}

/** Share of a run within which arrivals are all at its start. */
const AT_ONCE = 0.01;

function arrivalsOf(runs: readonly OpenLoopRun[]): string {
  const last = Math.max(...runs.flatMap(({ start, outcomes }) => outcomes.map((outcome) => outcome.start - start)));
  const shortest = Math.min(...runs.map(({ start, end }) => end - start));
  return last <= shortest * AT_ONCE ? 'All were there at the start.' : `They arrived within ${formatMs(last)}.`;
}

function gainsOf(reports: Story['reports']): string {
  const online = reports.get('online')?.outputThroughput ?? null;
  const others = [...reports].filter(([mode]) => mode !== 'online');
  const gains = others.flatMap(([mode, { outputThroughput }]) => {
    const gain = ratio(online, outputThroughput);
    return gain === null ? [] : [`${formatFigure(gain, 2)} times that of ${mode}`];
  });
  return gains.length === 0 ? '' : ` The throughput of online is ${listWords(gains)}.`;
}

function equalityOf(runs: readonly OpenLoopRun[], { numEqual, numCompared }: Verdict): string {
  if (runs.length < 2 || numCompared === 0) return '';
  return numEqual === numCompared
    ? ` Every request got the same tokens from each of them.`
    : ` Only ${numEqual} of ${numCompared} requests got the same tokens from each of them, so the speeds do not compare.`;
}

/** Tells where the differences come from. */
export function reasonsOf(story: Story): string[] {
  const { runs, numPlaces } = story;
  const missed = new Map(runs.map((run) => [run.mode, placeShares(run, numPlaces)?.missed ?? null]));
  return [naiveReason(story), offlineReason(missed)].filter((text) => text !== null);
}

function naiveReason({ runs, numPlaces, times }: Story): string | null {
  const naive = runs.find(({ mode }) => mode === 'naive');
  const others = runs.filter((run) => run !== naive);
  if (naive === undefined || others.length === 0 || numPlaces === 1) return null;
  const steps = others.map(({ mode, steps }) => `${mode} ${steps.length}`);
  const [first, last] = [times[0], times.at(-1)];
  const prices =
    first === undefined || last === undefined || first === last
      ? ''
      : ` On this machine a step for ${countRequests(last.requests)} took ${formatFigure(last.ms / first.ms, 1)} times as long as one for ` +
        `${countRequests(first.requests)} (${formatMs(last.ms)} to ${formatMs(first.ms)}).`;
  return (
    `Why batches beat naive: a step gives every request in it a token, and takes less time than as many steps for one request each. Naive has one request in ` +
    `each step while all others wait, so it needed ${naive.steps.length} steps, ${listWords(steps)}.${prices}`
  );
}

/** Share of the places' time below which a scheduler has wasted none to speak of. */
const LITTLE = 0.01;

function offlineReason(missed: ReadonlyMap<SchedulerName, number | null>): string | null {
  const [offline = null, online = null] = [missed.get('offline'), missed.get('online')];
  if (offline === null) return null;
  const rule =
    'Where offline wastes time: a batch is as long as its longest request. The places of those that ended early stay empty until then, though others wait';
  if (offline < LITTLE) {
    return `${rule}. In this run next to nothing was lost in this way, since the requests of a batch ended at about the same time.`;
  }
  const beside = online === null ? '' : ` Under online, which fills a place at once, it was ${formatShare(online)}.`;
  return `${rule}: ${formatShare(offline)} of all places' time was lost in this way.${beside}`;
}
