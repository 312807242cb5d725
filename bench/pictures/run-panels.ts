// The frame that pictures of runs over time share: a panel for each run, one above the other, and one axis of time.

const MS_PER_S = 1000;
/** Pixels between two panels. */
export const PANEL_SPACING = 14;

/** Makes the facet of panels that are named `panel` in the data. @param names in the order of the page. */
export function panelRows(names: readonly string[]) {
  return {
    row: {
      field: 'panel',
      title: null,
      sort: [...names],
      header: { labelOrient: 'top' as const, labelAnchor: 'start' as const, labelAngle: 0, labelPadding: 4 },
    },
  };
}

/** Makes the axis of seconds. @param totalMs end of the longest run. */
export function secondsAxis(field: string, totalMs: number) {
  return {
    field,
    type: 'quantitative' as const,
    title: 'seconds from the start',
    scale: { domain: [0, totalMs / MS_PER_S], nice: false },
  };
}
