// The element that has the focus: its place among all that can have it, and whether that shows.
() => {
  const every = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const all = [...document.querySelectorAll(every)].filter((one) => one.checkVisibility());
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  return {
    place: all.indexOf(one), count: all.length, tag: one.tagName,
    shows: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    inside: box.bottom > 0 && box.top < innerHeight && box.right > 0,
  };
}
