// The page of images: an input is drawn or picked, classified, and shown in its style in all classes.

import { bars, showTruth } from "./bars.js";
import { $, create, show } from "./dom.js";
import { drawing } from "./drawing.js";
import { newest } from "./failures.js";
import { byEffect, stylePad } from "./pad.js";
import { teaching } from "./teaching.js";

export async function start(card, model) {
  const { image_shape: shape, class_names: names, latent_dim: Z, prior_stddev: scale } = card;
  const showProbabilities = bars(names);
  const figures = names.map((name) => {
    const figure = create($("analogies"), "figure");
    const canvas = create(figure, "canvas", { role: "img", "aria-label": `Class ${name}` });
    create(figure, "figcaption", {}, name);
    return { figure, canvas };
  });
  const setStyle = stylePad(Z, scale, await byEffect(model.restyle, Z, scale), newest(async (z) => {
    const { images } = await model.restyle(z);
    const size = images.length / names.length;
    figures.forEach(({ canvas }, i) => show(canvas, images.subarray(i * size), shape));
  }));

  // The input: null where nothing is drawn.
  let input = null;
  let truth = -1;
  const taught = await teaching(card, model, () => classify(input, truth));
  const classify = newest(async (x, label) => {
    show($("seen"), x ?? new Float32Array(card.num_features), shape);
    showTruth(names, label);
    const found = x && (await model.read(x));
    taught.offer(x, found);
    const top = showProbabilities(found && taught.probabilities(found), "Nothing is drawn yet.");
    figures.forEach(({ figure }, i) => figure.classList.toggle("top", i === top));
    setStyle(found ? found.styles.slice(top * Z, (top + 1) * Z) : new Float32Array(Z));
  });

  function take(x, label = -1, button = null) {
    [input, truth] = [x, label];
    for (const other of $("examples").children) {
      other.setAttribute("aria-pressed", other === button);
    }
    classify(input, truth);
  }

  const canvas = drawing(shape, (x) => take(x));
  card.examples.forEach(({ x, label }, i) => {
    const name = label >= 0 ? `, of class ${names[label]}` : "";
    const attributes = { type: "button", "aria-label": `Example ${i + 1}${name}` };
    const button = create($("examples"), "button", attributes);
    show(create(button, "canvas"), x, shape);
    button.addEventListener("click", () => {
      canvas.replace(x);
      take(x, label, button);
    });
  });
  if (card.examples.length) $("examples").firstElementChild.click();
  else canvas.redraw();
}
