// Which control has the focus, and whether that can be seen.
(() => {
  const el = document.activeElement;
  if (!el || el === document.body || el === document.documentElement) return "";
  const s = getComputedStyle(el);
  const ring = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && s.outlineColor !== getComputedStyle(document.body).backgroundColor;
  return JSON.stringify({index: latchkeyStops.indexOf(el), ring, name: el.localName + " " + (el.id || el.textContent.trim())});
})()
