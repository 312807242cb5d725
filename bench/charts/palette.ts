// Colours of reports by their part in a picture, for both colour schemes. Pictures are drawn in the light ones, as plain
// values that every viewer of SVG knows; where a reader prefers a dark scheme, a style replaces each value by its partner. So no two
// parts have the same light colour.

/** Colour in the light scheme and in the dark one. */
interface Shade {
  readonly light: string;
  readonly dark: string;
}

/** Colours of text, lines and surfaces; then those of series, told apart by readers who see few colours, too. */
const SHADES = {
  surface: { light: '#ffffff', dark: '#15181d' },
  ink: { light: '#1c2128', dark: '#e7eaee' },
  muted: { light: '#59636f', dark: '#a6b0bc' },
  grid: { light: '#dde2e8', dark: '#333a43' },
  blue: { light: '#0b65c2', dark: '#62aefc' },
  orange: { light: '#c25700', dark: '#ff9f5f' },
  teal: { light: '#00796b', dark: '#45cdb2' },
  purple: { light: '#8e3fb8', dark: '#d09df0' },
  gold: { light: '#8a6a00', dark: '#e0bf4b' },
  pink: { light: '#c2185b', dark: '#ff8ab3' },
  slate: { light: '#56697d', dark: '#9fb4ca' },
  brown: { light: '#7d4a2d', dark: '#d8a688' },
  /** Waiting, and other time in which nothing is done. */
  pale: { light: '#ccd3db', dark: '#47515d' },
  /** Waste, such as a free place while requests wait. */
  waste: { light: '#f2b8b5', dark: '#7a3438' },
} as const satisfies Readonly<Record<string, Shade>>;

/** Part of a picture that has a colour. */
export type ColorName = keyof typeof SHADES;

/** Colour of each part in the light scheme, in which charts are specified. */
export const COLORS: Readonly<Record<ColorName, string>> = mapShades((shade) => shade.light);

/** Colours of series in the order in which they are handed out. */
export const SERIES_COLORS: readonly string[] = [
  COLORS.blue,
  COLORS.orange,
  COLORS.teal,
  COLORS.purple,
  COLORS.gold,
  COLORS.pink,
  COLORS.slate,
  COLORS.brown,
];

const COLOR_ATTRIBUTES = ['fill', 'stroke'] as const;

/** Makes the style that shows pictures in the dark scheme where a reader prefers it; `scope` selects what they are in. */
export function darkStyle(scope: string): string {
  const rules = Object.values(SHADES).flatMap(({ light, dark }) =>
    COLOR_ATTRIBUTES.map((attribute) => `${scope}[${attribute}="${light}"]{${attribute}:${dark}}`),
  );
  return `@media (prefers-color-scheme:dark){${rules.join('')}}`;
}

/** Makes the custom properties `--NAME` of all colours, in both schemes. */
export function colorProperties(): string {
  const declare = (scheme: keyof Shade) =>
    Object.entries(SHADES)
      .map(([name, shade]) => `--${name}:${shade[scheme]}`)
      .join(';');
  return `:root{color-scheme:light dark;${declare('light')}}@media (prefers-color-scheme:dark){:root{${declare('dark')}}}`;
}

function mapShades(pick: (shade: Shade) => string): Record<ColorName, string>;
function mapShades(pick: (shade: Shade) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(SHADES).map(([name, shade]) => [name, pick(shade)]));
}
