// The page: an input is drawn or picked, classified, and shown in its style in every class.

const CARD = "model/model.json";
const RANGE = 3.3; // of the pad, in standard deviations of the prior
const STEP = 0.25;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const $ = (id) => document.getElementById(id);

function create(parent, tag, attributes = {}, text = "") {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

// --- what can go wrong ---------------------------------------------------------------------------

function fail(message) {
  $("problem").textContent = message;
  document.body.dataset.state = "failed";
}

async function isMissing(file) {
  try {
    return !(await fetch(file, { method: "HEAD", cache: "no-store" })).ok;
  } catch {
    return true;
  }
}

async function explain(error, card) {
  const models = Object.values(card?.files ?? {}).map((file) => `model/${file}`);
  const scripts = ["runtime.js", "strokes.js", "litert/core.js", "litert/wasm-utils.js"];
  const builds = ["litert_wasm_internal", "litert_wasm_compat_internal"];
  const wasm = builds.flatMap((name) => [`litert/wasm/${name}.js`, `litert/wasm/${name}.wasm`]);
  const files = [CARD, ...models, ...scripts, ...wasm];
  const missing = await Promise.all(files.map(isMissing));
  const names = files.filter((_, i) => missing[i]);
  if (names.length) fail(`Could not be fetched: ${names.join(", ")}`);
  else fail(`The model cannot be run: ${error?.message ?? error}`);
}

/** Runs `work` for the newest arguments, one call at a time; what came between is skipped. */
function newest(work) {
  let [waiting, busy] = [null, false];
  return async (...args) => {
    waiting = args;
    if (busy) return;
    busy = true;
    try {
      while (waiting) {
        const next = waiting;
        waiting = null;
        await work(...next);
      }
    } catch (error) {
      fail(`The model cannot be run: ${error?.message ?? error}`);
    } finally {
      busy = false;
    }
  };
}

// --- pictures ------------------------------------------------------------------------------------

function show(canvas, values, [height, width, channels = 1]) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      image.data[4 * i + c] = 255 * values[i * channels + (channels === 1 ? 0 : c)];
    }
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// --- the page ------------------------------------------------------------------------------------

async function start(card, { toImage, trace }, model) {
  const { image_shape: shape, class_names: names, latent_dim: Z } = card;
  const [height, width, channels = 1] = shape;

  const bars = names.map((name) => {
    const row = create($("bars"), "li");
    create(row, "span", { "aria-hidden": "true" }, name);
    const limits = { "aria-valuemin": 0, "aria-valuemax": 1, "aria-label": `Class ${name}` };
    const meter = create(row, "div", { role: "meter", ...limits });
    const value = create(row, "span", { class: "value", "aria-hidden": "true" });
    return { row, meter, bar: create(meter, "div"), value };
  });
  const figures = names.map((name) => {
    const figure = create($("analogies"), "figure");
    const canvas = create(figure, "canvas", { role: "img", "aria-label": `Class ${name}` });
    create(figure, "figcaption", {}, name);
    return { figure, canvas };
  });

  function showProbabilities(probabilities, blank) {
    const top = probabilities.indexOf(Math.max(...probabilities));
    bars.forEach(({ row, meter, bar, value }, i) => {
      const text = probabilities[i].toFixed(4);
      row.classList.toggle("top", i === top);
      meter.setAttribute("aria-valuenow", text);
      meter.setAttribute("aria-valuetext", text);
      bar.style.width = `${100 * probabilities[i]}%`;
      value.textContent = text;
      figures[i].figure.classList.toggle("top", i === top);
    });
    $("verdict").textContent = blank
      ? "Nothing is drawn yet."
      : `${names[top]}, with probability ${probabilities[top].toFixed(4)}`;
  }

  // The style: z, which the pad moves in two of its dimensions, and `own`, that of the input.
  let own = new Float32Array(Z);
  let z = own;
  const dims = [0, Math.min(1, Z - 1)];

  const showAnalogies = newest(async (style) => {
    const images = await model.restyle(style);
    const size = images.length / names.length;
    figures.forEach(({ canvas }, i) => show(canvas, images.subarray(i * size), shape));
  });

  function move(values) {
    z = Float32Array.from(z);
    const limit = RANGE * card.prior_stddev;
    dims.forEach((dim, i) => {
      if (i === 0 || Z > 1) z[dim] = Math.max(-limit, Math.min(limit, values[i]));
    });
    showPad();
    showAnalogies(z);
  }

  function showPad() {
    const put = (circle, style) => {
      const clamp = (value) => Math.max(-RANGE, Math.min(RANGE, value / card.prior_stddev));
      circle.setAttribute("cx", clamp(style[dims[0]]));
      circle.setAttribute("cy", Z > 1 ? -clamp(style[dims[1]]) : 0);
    };
    put(document.querySelector("#pad .origin"), own);
    put(document.querySelector("#pad .knob"), z);
    const shown = Z > 1 ? dims : [dims[0]];
    $("position").textContent = shown
      .map((dim) => `z[${dim}] = ${z[dim].toFixed(2).replace("-", "−")}`)
      .join(", ");
  }

  const setInput = newest(async (x, blank = false) => {
    show($("seen"), x, shape);
    showProbabilities(await model.classify(x), blank);
    own = z = await model.style(x);
    showPad();
    showAnalogies(z);
  });

  // Drawing.
  const drawing = $("drawing");
  const context = drawing.getContext("2d");
  let strokes = [];
  let stroke = null;

  function pick(button, x) {
    for (const other of $("examples").children) {
      other.setAttribute("aria-pressed", other === button);
    }
    if (x) {
      strokes = [];
      drawing.classList.remove("drawn");
      show(drawing, x, shape);
      setInput(x);
    }
  }

  function redraw() {
    drawing.width = 320;
    drawing.height = Math.round((320 * height) / width);
    drawing.classList.add("drawn");
    context.lineWidth = 26;
    trace(context, strokes);
    const grey = toImage(strokes, height, width);
    const x = Array.from(grey, (value) => Array(channels).fill(value)).flat();
    setInput(x, !strokes.length);
  }

  const position = (event) => {
    const box = drawing.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * 320,
      ((event.clientY - box.top) / box.height) * Math.round((320 * height) / width),
    ];
  };
  drawing.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drawing.setPointerCapture(event.pointerId);
    pick(null);
    strokes.push((stroke = [position(event)]));
    redraw();
  });
  drawing.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    stroke.push(position(event));
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    drawing.addEventListener(end, () => (stroke = null));
  }
  $("clear").addEventListener("click", () => {
    strokes = [];
    pick(null);
    redraw();
  });

  card.examples.forEach(({ x, label }, i) => {
    const name = label >= 0 ? `, of class ${names[label]}` : "";
    const attributes = { type: "button", "aria-label": `Example ${i + 1}${name}` };
    const button = create($("examples"), "button", attributes);
    show(create(button, "canvas"), x, shape);
    button.addEventListener("click", () => pick(button, x));
  });

  // The pad.
  const pad = $("pad");
  const side = 2 * RANGE;
  pad.firstElementChild.setAttribute("viewBox", `${-RANGE} ${-RANGE} ${side} ${side}`);
  pad.querySelector(".axes").setAttribute("d", `M${-RANGE} 0h${side}M0 ${-RANGE}v${side}`);
  pad.querySelector(".rings").innerHTML = [1, 2, 3].map((r) => `<circle r="${r}"/>`).join("");
  const follow = (event) => {
    const box = pad.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * side - RANGE;
    const up = RANGE - ((event.clientY - box.top) / box.height) * side;
    move([across * card.prior_stddev, up * card.prior_stddev]);
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pad.setPointerCapture(event.pointerId);
    follow(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (pad.hasPointerCapture(event.pointerId)) follow(event);
  });
  const reset = () => {
    z = own;
    showPad();
    showAnalogies(z);
  };
  pad.addEventListener("keydown", (event) => {
    if (event.key === "Home") reset();
    else if (event.key in ARROWS) {
      const step = STEP * card.prior_stddev;
      move(ARROWS[event.key].map((sign, i) => z[dims[i]] + sign * step));
    } else return;
    event.preventDefault();
  });
  $("reset").addEventListener("click", reset);

  // The two dimensions that change the pictures most come first.
  const changes = await effects(model, Z, card.prior_stddev);
  const order = changes.map((_, i) => i).sort((a, b) => changes[b] - changes[a]);
  dims.forEach((_, i) => (dims[i] = order[Math.min(i, Z - 1)]));
  for (const [i, id] of ["dim-x", "dim-y"].entries()) {
    const select = $(id);
    for (let dim = 0; dim < Z; dim++) create(select, "option", { value: dim }, `z[${dim}]`);
    select.value = dims[i];
    select.addEventListener("change", () => {
      dims[i] = Number(select.value);
      showPad();
    });
  }
  $("dim-y").parentElement.hidden = Z === 1;

  $("name").textContent = card.name;
  document.body.dataset.state = "ready";
  if (card.examples.length) pick($("examples").firstElementChild, card.examples[0].x);
  else redraw();
}

/** How far the pictures move with each dimension of the style. */
async function effects(model, Z, scale) {
  const found = [];
  for (let dim = 0; dim < Z; dim++) {
    const at = (value) => Array.from({ length: Z }, (_, i) => (i === dim ? value : 0));
    const [low, high] = [await model.restyle(at(-scale)), await model.restyle(at(scale))];
    found.push(low.reduce((sum, value, i) => sum + Math.abs(value - high[i]), 0));
  }
  return found;
}

let card;
try {
  const response = await fetch(CARD);
  if (!response.ok) throw new Error(`${CARD}: ${response.status}`);
  card = await response.json();
  const [runtime, strokes] = await Promise.all([import("./runtime.js"), import("./strokes.js")]);
  await start(card, strokes, await runtime.load("model", card.files));
} catch (error) {
  await explain(error, card);
}
