// JSON report of a run of a server: on top the keys of vLLM's serving benchmark, then those of this project.
import type { Spread } from '../common/statistics.ts';
import { openLoopJson } from '../open-loop/json-report.ts';
import type { ServingArgs } from './args.ts';
import type { ServerIdentity } from './identify-server.ts';
import type { ServingReport } from './report.ts';

/** Where a report is from. */
export interface ServingOrigin {
  readonly identity: ServerIdentity;
  readonly args: ServingArgs;
  readonly commit: string | null;
  /** True for a run that was interrupted. */
  readonly isPartial: boolean;
  /** Phrases, one for each reason why the numbers do not count. */
  readonly problems: readonly string[];
}

/** Makes the JSON report of a run. */
export function servingJson(report: ServingReport, { identity, args, commit, isPartial, problems }: ServingOrigin) {
  const { load, clocks, processor, prefill, failures } = report;
  return {
    schema: 'roseinfer-serving-1',
    partial: isPartial,
    meta: { date: new Date().toISOString(), node: process.versions.node, commit, args, seed: args.seed },
    backend: args.endpoint === 'chat' ? 'openai-chat' : 'openai',
    model_id: identity.model,
    engine: identity.engine,
    engine_version: identity.version,
    owned_by: identity.ownedBy,
    system_fingerprint: identity.fingerprint,
    ...openLoopJson(load, { ...args, 'request-rate': args['request-rate'] ?? 'inf' }),
    failures,
    problems,
    computed_prefill: {
      cached_tokens: prefill.cachedTokens,
      prompt_tokens: prefill.promptTokens,
      source: prefill.source,
    },
    client: {
      mean_ttft_ms: clocks.ttft.client,
      mean_itl_ms: clocks.itl.client,
      processor_us_per_token: processor.client,
    },
    server: {
      mean_ttft_ms: clocks.ttft.server,
      mean_itl_ms: clocks.itl.server,
      processor_us_per_token: processor.server,
    },
    client_minus_server: { ttft_ms: spreadJson(clocks.offsets.ttft), itl_ms: spreadJson(clocks.offsets.itl) },
  };
}

function spreadJson(spread: Spread | null) {
  return spread && { mean: spread.mean, median: spread.median, std: spread.std, p99: spread.p99 };
}
