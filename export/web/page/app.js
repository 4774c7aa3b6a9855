// Loads the model, and starts the page of images or that of tables.

import { $ } from "./dom.js";
import { counter } from "./download.js";
import { explain } from "./failures.js";
import { keep } from "./offline.js";

const INDEX = "page.json";

async function json(file, options) {
  const response = await fetch(file, options);
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  return response.json();
}

let index = { files: {} };
try {
  index = await json(INDEX, { cache: "no-cache" });
  const card = await json("model/model.json");
  const { filesOf, load } = await import("./runtime.js");
  const total = filesOf(card).reduce((sum, file) => sum + index.files[file], 0);
  const kind = card.image_shape ? "image" : "table";
  const [{ start }, model] = await Promise.all([
    import(`./${kind}.js`),
    load(card, counter($("progress"), $("loaded"), total)),
  ]);
  document.querySelector("main").append($(`${kind}-page`).content);
  $("name").textContent = card.name;
  await start(card, model);
  document.body.dataset.state = "ready";
  await keep(index.version);
} catch (error) {
  await explain(error, [INDEX, ...Object.keys(index.files)]);
}
