// "Teach it my hand": the classifier learns from drawings that a person gave a class.

import { $, create, show } from "./dom.js";
import { memory, rounded } from "./memory.js";
import { probabilities, teach } from "./teach.js";

/**
 * `offer(x, found)` an input to teach, and what the model reads in it; `probabilities(found)` as it
 * has learned them. `changed` is told when it has learned or forgotten.
 */
export async function teaching(card, model, changed) {
  const { class_names: names, num_classes: K, image_shape: shape } = card;
  const kept = memory(card);
  const { head } = model;
  $("teach").hidden = !head;
  names.forEach((name, i) => create($("teach-class"), "option", { value: i }, name));

  // The bundle's own examples are learned along, lest it forget the classes that nobody teaches.
  const own = card.examples.filter(({ label }) => label >= 0);
  let [base, examples, learned, offered] = [[], [], head, null];

  const hiddenOf = async ({ x, label }) => ({ x, label, hidden: (await model.read(x)).hidden });
  if (head) {
    for (const example of own) base.push(await hiddenOf(example));
    for (const example of kept.read()) examples.push(await hiddenOf(example));
  }

  function learn() {
    learned = examples.length ? teach(head, [...base, ...examples], K, card.learning_rate) : head;
    const count = examples.length;
    $("taught-count").textContent = count
      ? `It has learned from ${count} drawing${count > 1 ? "s" : ""} of yours, kept in this browser.`
      : "";
    $("forget").hidden = !count;
    $("taught").replaceChildren();
    examples.forEach((example, i) => {
      const name = `Forget drawing ${i + 1}, of class ${names[example.label]}`;
      const button = create($("taught"), "button", { type: "button", "aria-label": name, title: name });
      show(create(button, "canvas"), example.x, shape);
      create(button, "span", {}, names[example.label]);
      button.addEventListener("click", () => put(examples.filter((other) => other !== example)));
    });
  }

  function put(next) {
    examples = next;
    const isKept = kept.write(examples);
    learn();
    if (!isKept) $("taught-count").textContent += " It cannot keep them: they last until you leave.";
    changed();
  }

  $("teach").addEventListener("submit", async (event) => {
    event.preventDefault();
    const label = Number($("teach-class").value);
    put([...examples, await hiddenOf({ x: rounded(offered), label })]);
  });
  $("forget").addEventListener("click", () => put([]));
  if (head) learn();

  return {
    offer(x, found) {
      offered = x;
      $("teach-it").disabled = !x;
      const before = examples.length && found ? found.probabilities : null;
      const top = before ? before.indexOf(Math.max(...before)) : -1;
      $("untaught").textContent = before
        ? `Untaught it says ${names[top]}, with probability ${before[top].toFixed(4)}.`
        : "";
    },
    probabilities: (found) =>
      examples.length ? probabilities(learned, found.hidden, K) : found.probabilities,
  };
}
