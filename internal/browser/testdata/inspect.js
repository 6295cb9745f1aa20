// Looks at the page as a person does who needs contrast, room and targets; the
// value is a list of what is wrong. width is the window's; a phone that shows a
// page too wide says another one of itself.
((width) => {
  "use strict";
  const faults = [];
  const root = document.scrollingElement;
  if (root.scrollWidth > width || innerWidth > width) faults.push(`scrolls sideways: ${root.scrollWidth} in ${width}`);

  const parse = (css) => {
    const m = css.match(/[\d.]+/g).map(Number);
    return {r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1};
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1,
  });
  const canvas = matchMedia("(prefers-color-scheme: dark)").matches ? {r: 18, g: 18, b: 18, a: 1} : {r: 255, g: 255, b: 255, a: 1};
  const behind = (el) => {
    const layers = [];
    for (; el; el = el.parentElement) {
      const c = parse(getComputedStyle(el).backgroundColor);
      if (c.a > 0) layers.push(c);
      if (c.a === 1) break;
    }
    return layers.reduceRight((below, top) => over(top, below), canvas);
  };
  const luminance = (c) => {
    const [r, g, b] = [c.r, c.g, c.b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
    return (x + 0.05) / (y + 0.05);
  };
  const named = (el) => `<${el.localName}${el.id ? " id=" + el.id : ""}> "${(el.value || el.textContent).trim().slice(0, 30)}"`;
  const seen = (el) => el.checkVisibility({opacityProperty: true, visibilityProperty: true}) && el.getBoundingClientRect().width > 0;

  // Text against what is behind it: 4.5, or 3 where it is large (WCAG 1.4.3).
  const judge = (el) => {
    const s = getComputedStyle(el), size = parseFloat(s.fontSize);
    const need = size >= 24 || size >= 18.66 && Number(s.fontWeight) >= 700 ? 3 : 4.5;
    const back = behind(el), got = contrast(over(parse(s.color), back), back);
    if (got < need) faults.push(`contrast ${got.toFixed(2)} of ${named(el)}, want ${need}`);
    if (size < 14) faults.push(`text of ${size} pixels in ${named(el)}`);
  };
  let texts = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    if (n.data.trim() && seen(n.parentElement)) { judge(n.parentElement); texts++; }
  }
  if (texts === 0) faults.push("no text on the page");

  const fields = [...document.querySelectorAll("input:not([type=hidden]),select,textarea")].filter(seen);
  for (const el of fields) {
    if (el.type !== "checkbox" && el.type !== "radio") judge(el);
    // An edge that tells where to type: 3 (WCAG 1.4.11).
    const s = getComputedStyle(el), around = behind(el.parentElement);
    if (s.borderTopStyle !== "none" && contrast(parse(s.borderTopColor), around) < 3 && contrast(behind(el), around) < 3) {
      faults.push(`the edge of ${named(el)} is hardly there`);
    }
  }
  // Targets for a finger: 24 pixels at least (WCAG 2.5.8), 44 for buttons.
  for (const el of [...fields, ...document.querySelectorAll("button,a[href]")].filter(seen)) {
    const target = el.type === "checkbox" && el.labels.length ? el.labels[0] : el;
    const box = target.getBoundingClientRect(), least = el.matches("button,input[type=submit i],.button") ? 44 : 24;
    if (box.height < least || box.width < 24) faults.push(`${named(el)} is ${Math.round(box.width)}×${Math.round(box.height)} small`);
    if (box.left < 0 || box.right > width) faults.push(`${named(el)} is cut off`);
  }
  for (const el of document.querySelectorAll("body *")) {
    const box = el.getBoundingClientRect();
    if (seen(el) && box.width > 0 && box.right > width + 0.5) faults.push(`${named(el)} reaches beyond the page`);
  }
  return faults;
})
