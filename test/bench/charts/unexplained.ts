// Words of a picture that its caption does not explain: the titles of its axes and the entries of its legends. A reader of the caption
// alone has to find all of them there.
import type { Chart } from '../../../bench/charts/chart.ts';
import type { ReportPage } from '../../../bench/charts/report-page.ts';
import { isJsonObject, type JsonObject } from '../../../src/util/json.ts';

/** Most entries of a legend that a caption names one by one. */
const MOST = 5;

/** Lists the words of the charts of a page that are not in their captions. */
export function unexplainedIn({ sections }: ReportPage): string[] {
  return sections.flatMap(({ charts = [] }) => charts).flatMap(unexplained);
}

/** Lists the words of a chart that are not in its caption. */
function unexplained({ name, caption, spec }: Chart): string[] {
  const text = caption.toLowerCase();
  return [...new Set(wordsOf(spec))]
    .filter((word) => !text.includes(word.toLowerCase()))
    .map((word) => `${name}: ${word}`);
}

function wordsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(wordsOf);
  if (!isJsonObject(value)) return [];
  const own = Object.entries(value).flatMap(([key, part]) => {
    if (!isJsonObject(part)) return [];
    if (key === 'x' || key === 'y') return typeof part.title === 'string' ? [part.title] : [];
    return key === 'color' ? entriesOf(part) : [];
  });
  return [...own, ...Object.values(value).flatMap(wordsOf)];
}

function entriesOf({ scale }: JsonObject): string[] {
  const domain = isJsonObject(scale) && Array.isArray(scale.domain) ? scale.domain : [];
  return domain.length > MOST ? [] : domain.map(String);
}
