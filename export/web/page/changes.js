// What changes the answer: one column at a time takes the values that training has seen.

import { $, create } from "./dom.js";

const SHOWN = 10;

/**
 * Of each column {index, name, low, high, at, other}: between what the probability of the class
 * `top` moves, where it stands, and the nearest value {value, text, top} with another class.
 * The column that moves it most comes first.
 */
export async function variations(columns, x, top, probabilities) {
  const at = (await probabilities(x))[top];
  const found = [];
  for (const [index, column] of columns.entries()) {
    const values = column.categories ? column.categories.map((_, code) => code) : column.values;
    const distance = column.categories ? () => 0 : (value) => Math.abs(value - x[index]);
    let [low, high, other] = [at, at, null];
    for (const value of values) {
      const row = Float32Array.from(x);
      row[index] = value;
      const varied = await probabilities(row);
      low = Math.min(low, varied[top]);
      high = Math.max(high, varied[top]);
      const winner = varied.indexOf(Math.max(...varied));
      const isNearer = !other || distance(value) < distance(other.value);
      if (winner !== top && isNearer) {
        other = { value, text: column.categories?.[value] ?? value, top: winner };
      }
    }
    found.push({ index, name: column.name, low, high, at, other });
  }
  return found.sort((a, b) => b.high - b.low - (a.high - a.low));
}

/** Lists them; `pick(index, value)` is told of a value that is to be tried. */
export function showChanges(changes, names, top, pick) {
  const list = $("changes");
  list.replaceChildren();
  for (const { index, name, low, high, at, other } of changes.slice(0, SHOWN)) {
    const row = create(list, "li");
    create(row, "span", { class: "label" }, name);
    const text = `${names[top]}: ${low.toFixed(2)} to ${high.toFixed(2)}`;
    const track = create(row, "div", { class: "range", role: "img", "aria-label": text, title: text });
    const span = create(track, "div");
    span.style.left = `${100 * low}%`;
    span.style.width = `${100 * (high - low)}%`;
    create(track, "i").style.left = `${100 * at}%`;
    if (other) {
      const says = `${names[other.top]} at ${other.text}`;
      const button = create(row, "button", { type: "button", title: `Try ${says}` }, says);
      button.addEventListener("click", () => pick(index, other.value));
    } else create(row, "span", { class: "same" }, "the same class");
  }
  const more = changes.length - SHOWN;
  $("more-changes").textContent =
    more > 0 ? `${more} more columns change it by ${change(changes[SHOWN])} at most.` : "";
}

const change = ({ low, high }) => (high - low).toFixed(2);
