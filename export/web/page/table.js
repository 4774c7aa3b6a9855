// The page of tables: a row is filled in or picked, classified, and varied column by column.

import { bars, showTruth } from "./bars.js";
import { showChanges, variations } from "./changes.js";
import { $, create } from "./dom.js";
import { newest } from "./failures.js";
import { form } from "./form.js";

export async function start(card, model) {
  const { class_names: names, columns } = card;
  const showProbabilities = bars(names);
  const probabilities = async (x) => (await model.read(x)).probabilities;

  const classify = newest(async (x, missing) => {
    const found = x && (await probabilities(x));
    const top = showProbabilities(found, `It waits for: ${missing.join(", ")}`);
    const changes = x ? await variations(columns, x, top, probabilities) : [];
    showChanges(changes, names, top, (index, value) => fields.set(index, value));
  });

  function take({ x, missing }, label = -1, button = null) {
    showTruth(names, label);
    for (const other of $("rows").children) other.setAttribute("aria-pressed", other === button);
    classify(x, missing);
  }

  const fields = form(columns, card.may_be_missing, take);
  card.examples.forEach(({ x, label }, i) => {
    const name = label >= 0 ? `, of class ${names[label]}` : "";
    const attributes = { type: "button", "aria-label": `Row ${i + 1}${name}` };
    const button = create($("rows"), "button", attributes, i + 1);
    button.addEventListener("click", () => {
      fields.fill(x);
      take(fields.read(), label, button);
    });
  });
  if (card.examples.length) $("rows").firstElementChild.click();
  else take(fields.read());
}
