// Runs in the page of a report: lists its figures and what can not be seen or read in them, as JSON.
(() => {
  const faults = [];
  /** Least contrast of text by WCAG 2, level AA. */
  const LEAST_CONTRAST = 4.5;
  /** Pixels by which boxes of texts may touch. */
  const SLACK = 1.5;

  const luminance = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).map((part) => {
      const value = Number(part) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const surface = getComputedStyle(document.body).backgroundColor;

  const figures = [...document.querySelectorAll('figure')];
  for (const figure of figures) {
    const say = (fault) => faults.push(`${figure.id}: ${fault}`);
    const svg = figure.querySelector('svg');
    const box = svg?.getBoundingClientRect();
    if (!box || box.width < 200 || box.height < 60 || !figure.checkVisibility()) {
      say('is not seen');
      continue;
    }
    if (getComputedStyle(svg.parentElement).overflowX !== 'auto') say('can not be scrolled on a narrow screen');
    if (getComputedStyle(svg.querySelector('rect')).fill !== surface) say('has another surface than the page');
    const marks = [...svg.querySelectorAll('.role-mark path, .role-mark line')].filter((mark) => {
      const { width, height } = mark.getBoundingClientRect();
      return mark.getAttribute('d') !== '' && width + height > 0;
    });
    if (marks.length === 0) say('has no mark');

    // Labels of an axis that would overlap are there, but hidden.
    const isShown = (text) => text.textContent !== '' && text.getAttribute('opacity') !== '0';
    const texts = [...svg.querySelectorAll('text')].filter(isShown);
    const boxes = texts.map((text) => text.getBoundingClientRect());
    for (const [index, text] of texts.entries()) {
      const { left, right, top, bottom } = boxes[index];
      if (
        left < box.left - SLACK ||
        right > box.right + SLACK ||
        top < box.top - SLACK ||
        bottom > box.bottom + SLACK
      ) {
        say(`"${text.textContent}" is cut`);
      }
      if (contrast(getComputedStyle(text).fill, surface) < LEAST_CONTRAST) say(`"${text.textContent}" is too pale`);
      for (let other = index + 1; other < texts.length; other++) {
        const width = Math.min(right, boxes[other].right) - Math.max(left, boxes[other].left);
        const height = Math.min(bottom, boxes[other].bottom) - Math.max(top, boxes[other].top);
        if (width > SLACK && height > SLACK) say(`"${text.textContent}" lies on "${texts[other].textContent}"`);
      }
    }
  }
  for (const text of document.querySelectorAll('h1, h2, h3, p, figcaption, td, th, summary')) {
    if (contrast(getComputedStyle(text).color, surface) < LEAST_CONTRAST)
      faults.push(`"${text.textContent}" is too pale`);
  }
  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is wider than the screen');
  if (document.querySelector('script, iframe, object, link, img')) faults.push('the page has a foreign element');
  return JSON.stringify({ figures: figures.map(({ id }) => id), faults });
})();
