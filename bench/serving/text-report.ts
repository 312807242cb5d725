// Text report of a run of a server: the rows of vLLM's serving benchmark, and what the server says beside them.
import { type Figure, formatFigure } from '../../src/util/figures.ts';
import { type Entry, formatLoad } from '../open-loop/text-report.ts';
import type { ServingArgs } from './args.ts';
import type { ServerIdentity } from './identify-server.ts';
import type { ServingReport } from './report.ts';

/** Formats a run. */
export function formatServing(report: ServingReport, identity: ServerIdentity, args: ServingArgs): string {
  const { load, clocks, processor, prefill, failures } = report;
  const head: Entry[] = [
    ['Engine:', describeEngine(identity)],
    ['Model:', identity.model],
    ['Endpoint:', args.endpoint],
  ];
  const ms = (value: Figure = null) => formatFigure(value, 2);
  const { ttft, itl, offsets } = clocks;
  const times: Entry[] = [
    ["Server's mean TTFT (ms):", ms(ttft.server)],
    ["Client's mean TTFT minus server's (ms):", ms(difference(ttft.client, ttft.server))],
    ["Server's mean ITL (ms):", ms(itl.server)],
    ["Client's mean ITL minus server's (ms):", ms(difference(itl.client, itl.server))],
  ];
  const spreads: Entry[] = args.timeline
    ? [
        ['Median of differences in TTFT (ms):', ms(offsets.ttft?.median)],
        ['P99 of differences in TTFT (ms):', ms(offsets.ttft?.p99)],
        ['Median of differences in ITL (ms):', ms(offsets.itl?.median)],
        ['P99 of differences in ITL (ms):', ms(offsets.itl?.p99)],
      ]
    : [];
  const { cachedTokens, promptTokens, source } = prefill;
  const cached = cachedTokens === null ? 'unknown' : `${cachedTokens} of ${promptTokens}, by ${source}`;
  const refused = Object.entries(failures).map(([reason, count]): Entry => [`${reason}:`, count]);
  return formatLoad(load, {
    ...args,
    head,
    sections: [
      { title: 'Client and Server', entries: [...times, ...spreads] },
      {
        title: 'Processor Time',
        entries: [
          ["Server's a token (µs):", formatFigure(processor.server, 1)],
          ["Client's a token (µs):", formatFigure(processor.client, 1)],
        ],
      },
      { title: 'Computed Prefill', entries: [['Prompt tokens from a cache:', cached]] },
      ...(refused.length === 0 ? [] : [{ title: 'Failed and Rejected by Reason', entries: refused }]),
    ],
  });
}

function describeEngine({ engine, version, ownedBy }: ServerIdentity): string {
  if (engine === 'unknown') return ownedBy === null ? engine : `${engine}, of ${ownedBy}`;
  return version === null ? engine : `${engine} ${version}`;
}

/** Subtracts; null when either is missing. */
function difference(a: Figure, b: Figure): Figure {
  return a === null || b === null ? null : a - b;
}
