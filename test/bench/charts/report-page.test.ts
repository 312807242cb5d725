// Pages of reports: texts stay texts, drawings follow the reader's colours, and nothing comes from elsewhere.
import { describe, expect, test } from 'vitest';
import type { Chart } from '../../../bench/charts/chart.ts';
import { drawChart } from '../../../bench/charts/chart.ts';
import { CHART_WIDTH } from '../../../bench/charts/config.ts';
import { escapeText } from '../../../bench/charts/markup.ts';
import { COLORS, SERIES_COLORS } from '../../../bench/charts/palette.ts';
import { drawCharts, type ReportPage, renderPage } from '../../../bench/charts/report-page.ts';

const HOSTILE = `</script><script>alert(1)</script><img src=x onerror="alert(2)">&amp;'"`;

function testChart(fields: Partial<Chart> = {}): Chart {
  return {
    name: 'bars',
    title: 'Bars',
    caption: 'Two bars.',
    spec: {
      width: CHART_WIDTH,
      height: 60,
      data: {
        values: [
          { mode: HOSTILE, speed: 2 },
          { mode: 'online', speed: 5 },
        ],
      },
      mark: { type: 'bar', clip: true },
      encoding: {
        y: { field: 'mode', type: 'nominal' },
        x: { field: 'speed', type: 'quantitative' },
        color: { field: 'mode', type: 'nominal' },
      },
    },
    ...fields,
  };
}

async function render(page: Partial<ReportPage>): Promise<string> {
  const whole = { title: 'A report', lead: [], sections: [], ...page };
  return renderPage(whole, await drawCharts(whole));
}

describe('escapeText', () => {
  test('leaves no character that could end a text or an attribute', () => {
    expect(escapeText(HOSTILE)).not.toMatch(/[<>"']/);
    expect(escapeText('a < b & "c"')).toBe('a &lt; b &amp; &quot;c&quot;');
  });

  test('replaces control characters and halves of pairs, and keeps lines, tabs and whole pairs', () => {
    expect(escapeText('a\0b\x1bc\ud800d\udc00')).toBe('a\ufffdb\ufffdc\ufffdd\ufffd');
    expect(escapeText('a\n\t😀')).toBe('a\n\t😀');
  });
});

describe('drawChart', () => {
  test('draws the same chart as the same SVG, in the light colours, with a style for the dark ones', async () => {
    const svg = await drawChart(testChart());
    expect(svg).toBe(await drawChart(testChart()));
    expect(svg).toMatch(
      /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" [^>]* role="img" aria-label="Bars"><title>Bars<\/title><style>@media/,
    );
    expect(svg).toContain(`fill="${SERIES_COLORS[0]}"`);
    expect(svg).toContain(`[fill="${SERIES_COLORS[0]}"]{fill:#`);
    expect(svg).toContain(`fill="${COLORS.surface}"`);
  });

  test('keeps a hostile label as text', async () => {
    expect(await drawChart(testChart({ title: HOSTILE }))).not.toMatch(/<script|<img/);
  });

  test('gives the ids of a drawing the name of its chart', async () => {
    const ids = [...(await drawChart(testChart())).matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) expect(id).toMatch(/^bars-/);
  });
});

describe('the palette', () => {
  test('has no light colour twice, since the dark one is found by it', () => {
    const colors = Object.values(COLORS);
    expect(new Set(colors).size).toBe(colors.length);
  });
});

describe('renderPage', () => {
  test('shows hostile texts as texts, wherever they stand', async () => {
    const html = await render({
      title: HOSTILE,
      lead: [HOSTILE],
      sections: [
        {
          heading: HOSTILE,
          paragraphs: [HOSTILE],
          charts: [testChart({ title: HOSTILE, caption: HOSTILE })],
          tables: [{ columns: [HOSTILE], rows: [[HOSTILE]], folded: HOSTILE }],
        },
      ],
    });
    expect(html).not.toMatch(/<script|<img/);
    expect(html.match(/alert\(1\)/g)!.length).toBeGreaterThan(8);
  });

  test('names no address, has no script and lets a browser fetch nothing', async () => {
    const html = await render({ sections: [{ heading: 'Speed', charts: [testChart()] }] });
    expect(html).not.toMatch(/:\/\/|<script|<link|@import/);
    expect(html).toContain(`http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;`);
  });

  test('has the drawing of every chart, under its name and before its caption', async () => {
    const charts = [testChart(), testChart({ name: 'again', caption: 'Once more.' })];
    const html = await render({ sections: [{ heading: 'Speed', charts }] });
    expect(html).toMatch(
      /<figure id="bars">\n<h3>Bars<\/h3>\n<div class="wide"><svg .*<\/svg><\/div>\n<figcaption>Two bars\.<\/figcaption>/,
    );
    expect(html).toMatch(
      /<figure id="again">\n<h3>Bars<\/h3>\n<div class="wide"><svg .*<\/svg><\/div>\n<figcaption>Once more\.<\/figcaption>/,
    );
    const ids = [...html.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('puts columns of numbers to the right, with their headings, and words to the left', async () => {
    const tables = [
      {
        columns: ['speed', 'note'],
        rows: [
          ['12.5 ms', '3'],
          ['-', 'slow'],
        ],
      },
      { rows: [['Node', '24.0.1']] },
    ];
    const html = await render({ sections: [{ heading: 'Tables', tables }] });
    expect(html).toContain('<thead><tr><th class="number">speed</th><th>note</th></tr></thead>');
    expect(html).toContain(
      '<tr><td class="number">12.5 ms</td><td>3</td></tr>\n<tr><td class="number">-</td><td>slow</td></tr>',
    );
    expect(html).toContain('<tr><th>Node</th><td>24.0.1</td></tr>');
  });
});
