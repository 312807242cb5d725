// A report as one page of HTML: text, tables and drawings in it, nothing from elsewhere and no script, so that it opens anywhere
// and shows the same in years. Whatever a text holds, the page shows it as text.
import { type Chart, drawChart, inlineDrawing } from './chart.ts';
import { escapeText } from './markup.ts';
import { PAGE_STYLE } from './page-style.ts';
import { darkStyle } from './palette.ts';

/** Rows of text under a heading each. */
export interface Table {
  /** Headings of the columns; without them the first cell of a row heads it. */
  readonly columns?: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Closed until a reader opens it, under this summary. */
  readonly folded?: string;
}

/** Part of a page under a heading of its own: paragraphs, then charts, then tables. */
export interface Section {
  readonly heading: string;
  readonly paragraphs?: readonly string[];
  readonly charts?: readonly Chart[];
  readonly tables?: readonly Table[];
}

/** Contents of a page. All texts are plain. */
export interface ReportPage {
  readonly title: string;
  /** First paragraphs: what was measured, and what came out. */
  readonly lead: readonly string[];
  readonly sections: readonly Section[];
}

/** Drawings of a page by the names of their charts. */
export type Drawings = ReadonlyMap<string, string>;

/** Draws the charts of a page. @throws MissingVegaError where vega is not installed. */
export async function drawCharts({ sections }: ReportPage): Promise<Drawings> {
  const drawings = new Map<string, string>();
  for (const chart of sections.flatMap(({ charts = [] }) => charts)) {
    drawings.set(chart.name, await drawChart(chart));
  }
  return drawings;
}

/** A browser that obeys it fetches nothing and runs nothing, whatever the page holds. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** Writes a page with its drawings. */
export function renderPage({ title, lead, sections }: ReportPage, drawings: Drawings): string {
  const body = [
    `<h1>${escapeText(title)}</h1>`,
    ...lead.map((text) => `<p class="lead">${escapeText(text)}</p>`),
    ...sections.map((section) => renderSection(section, drawings)),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeText(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeText(title)}</title>
<style>${PAGE_STYLE}${darkStyle('figure svg ')}</style>
</head>
<body>
<main>
${body.join('\n')}
</main>
</body>
</html>
`;
}

function renderSection({ heading, paragraphs = [], charts = [], tables = [] }: Section, drawings: Drawings): string {
  return [
    '<section>',
    `<h2>${escapeText(heading)}</h2>`,
    ...paragraphs.map((text) => `<p>${escapeText(text)}</p>`),
    ...charts.map((chart) => renderChart(chart, drawings)),
    ...tables.map(renderTable),
    '</section>',
  ].join('\n');
}

function renderChart({ name, title, caption }: Chart, drawings: Drawings): string {
  const drawing = inlineDrawing(drawings.get(name) ?? '');
  return `<figure id="${escapeText(name)}">\n<h3>${escapeText(title)}</h3>\n<div class="wide">${drawing}</div>\n<figcaption>${escapeText(caption)}</figcaption>\n</figure>`;
}

function renderTable({ columns, rows, folded }: Table): string {
  const width = Math.max(0, ...rows.map(({ length }) => length));
  const isNumeric = Array.from({ length: width }, (_, column) => columns !== undefined && areNumbers(rows, column));
  const cells = (tag: 'td' | 'th', row: readonly string[]) =>
    row.map((text, column) => cell(column === 0 && columns === undefined ? 'th' : tag, text, isNumeric[column]));
  const head = columns === undefined ? '' : `<thead>${renderRow(cells('th', columns))}</thead>`;
  const lines = rows.map((row) => renderRow(cells('td', row)));
  const table = `<div class="wide"><table>${head}<tbody>\n${lines.join('\n')}\n</tbody></table></div>`;
  return folded === undefined ? table : `<details><summary>${escapeText(folded)}</summary>\n${table}\n</details>`;
}

/** Number with its unit; a dash stands for none. */
const NUMBER = /^([-+−]?[\d.,]+( ?[a-zµ%×/]+)?|-)$/iu;

/** Tells whether a column holds numbers alone: they stand to the right, under each other. */
function areNumbers(rows: readonly (readonly string[])[], column: number): boolean {
  return rows.every((row) => NUMBER.test(row[column] ?? '-'));
}

function cell(tag: 'td' | 'th', text: string, isNumber = false): string {
  return `<${tag}${isNumber ? ' class="number"' : ''}>${escapeText(text)}</${tag}>`;
}

function renderRow(cells: readonly string[]): string {
  return `<tr>${cells.join('')}</tr>`;
}
