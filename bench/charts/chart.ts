// A chart of a report: a specification of vega-lite beside the words that explain it, drawn as SVG without a browser.
import type { TopLevelSpec } from 'vega-lite';
import { chartConfig } from './config.ts';
import { escapeText } from './markup.ts';
import { COLORS, darkStyle } from './palette.ts';
import { loadVega } from './vega.ts';

/** Picture and its words. */
export interface Chart {
  /** Letters, digits and dashes: its address in the page, and the name of its file. */
  readonly name: string;
  readonly title: string;
  /** Explanation for a reader who knows neither the code nor the terms. */
  readonly caption: string;
  /** Colours are those of the palette, so that they change with the reader's scheme. */
  readonly spec: TopLevelSpec;
}

/**
 * Draws a chart as an SVG document that follows the reader's colour scheme.
 *
 * @throws MissingVegaError where vega is not installed.
 */
export async function drawChart({ name, title, spec }: Chart): Promise<string> {
  const { vega, vegaLite } = await loadVega();
  const compiled = vegaLite.compile(spec, { config: chartConfig });
  vega.resetSVGDefIds();
  const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none' }).background(COLORS.surface);
  try {
    const svg = await view.toSVG();
    return uniqueIds(svg, name).replace(
      />/,
      ` role="img" aria-label="${escapeText(title)}"><title>${escapeText(title)}</title><style>${darkStyle('')}</style>`,
    );
  } finally {
    view.finalize();
  }
}

/** Makes the ids of a drawing its own, so that several stand in one page. */
function uniqueIds(svg: string, name: string): string {
  return svg.replaceAll(/\bid="([^"]+)"/g, `id="${name}-$1"`).replaceAll(/url\(#([^)]+)\)/g, `url(#${name}-$1)`);
}

/** Makes the drawing of `drawChart` a part of a page, which has the style for the dark scheme once. */
export function inlineDrawing(svg: string): string {
  return svg
    .replace(/<style>.*?<\/style>/, '')
    .replaceAll(/ xmlns(:xlink)?="[^"]*"/g, '')
    .replace(/ version="1.1"/, '');
}
