// The probabilities of the classes, a bar each, and the verdict in words.

import { $, create } from "./dom.js";

/** Returns what shows probabilities, or that there are none, and the verdict. */
export function bars(names) {
  const rows = names.map((name) => {
    const row = create($("bars"), "li");
    create(row, "span", { class: "label", "aria-hidden": "true" }, name);
    const limits = { "aria-valuemin": 0, "aria-valuemax": 1, "aria-label": `Class ${name}` };
    const meter = create(row, "div", { role: "meter", ...limits });
    const value = create(row, "span", { class: "value", "aria-hidden": "true" });
    return { row, meter, bar: create(meter, "div"), value };
  });

  return (probabilities, nothing = "") => {
    const top = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    rows.forEach(({ row, meter, bar, value }, i) => {
      const text = probabilities ? probabilities[i].toFixed(4) : "";
      row.classList.toggle("top", i === top);
      meter.setAttribute("aria-valuenow", text || 0);
      meter.setAttribute("aria-valuetext", text || "none");
      bar.style.width = `${100 * (text || 0)}%`;
      value.textContent = text;
    });
    $("verdict").textContent = probabilities
      ? `${names[top]}, with probability ${probabilities[top].toFixed(4)}`
      : nothing;
    return top;
  };
}

/** Says the true class of an example, where it is known. */
export function showTruth(names, label) {
  $("truth").textContent = label >= 0 ? `Its true class: ${names[label]}` : "";
}
