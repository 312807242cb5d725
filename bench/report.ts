// Comparison of two runs of bench/run.ts, from the files of their --json. `--help` lists its flags.
import { checkOutputs } from '../src/terminal/output-file.ts';
import { checkReport, wantsReport, writeReport } from './charts/report-files.ts';
import { runScript } from './common/script.ts';
import { type CompareArgs, compareScript } from './compare/args.ts';
import { compareRuns, comparisonJson } from './compare/compare-runs.ts';
import { comparisonPage } from './compare/comparison-page.ts';
import { readResult } from './compare/read-result.ts';
import { formatRuns } from './compare/text-report.ts';
import { writeJson } from './report/json-file.ts';

async function compare(args: CompareArgs, signal: AbortSignal): Promise<void> {
  const { first, second, json, report } = args;
  await checkReport(args);
  await checkOutputs({ '--json': json, '--report': report }, { '--first': first, '--second': second });
  const comparison = compareRuns(await readResult(first, signal), await readResult(second, signal));
  for (const warning of comparison.warnings) console.error(`warning: ${warning}`);
  console.log(formatRuns(comparison));
  if (json !== undefined) await writeJson(json, comparisonJson(comparison));
  if (wantsReport(args)) await writeReport(args, comparisonPage(comparison));
}

await runScript(compareScript, compare);
