// The style: z, which a pad moves in two of its dimensions, and `own`, that of the input.

import { $, create } from "./dom.js";

const RANGE = 3.3; // of the pad, in standard deviations of the prior
const STEP = 0.25;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Returns what sets the input's own style; `moved` is told of each z. */
export function stylePad(Z, scale, order, moved) {
  const pad = $("pad");
  const side = 2 * RANGE;
  const dims = [order[0], order[Math.min(1, Z - 1)]];
  const limited = (value) => Math.max(-RANGE, Math.min(RANGE, value));
  let own = new Float32Array(Z);
  let z = own;

  function put(circle, style) {
    circle.setAttribute("cx", limited(style[dims[0]] / scale));
    circle.setAttribute("cy", Z > 1 ? -limited(style[dims[1]] / scale) : 0);
  }

  function showPosition() {
    put(pad.querySelector(".origin"), own);
    put(pad.querySelector(".knob"), z);
    const shown = Z > 1 ? dims : [dims[0]];
    $("position").textContent = shown
      .map((dim) => `z[${dim}] = ${z[dim].toFixed(2).replace("-", "−")}`)
      .join(", ");
  }

  function set(style) {
    z = style;
    showPosition();
    moved(z);
  }

  function move(values) {
    const style = Float32Array.from(z);
    dims.forEach((dim, i) => {
      if (i === 0 || Z > 1) style[dim] = scale * limited(values[i]);
    });
    set(style);
  }

  function follow(event) {
    const box = pad.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * side - RANGE;
    move([across, RANGE - ((event.clientY - box.top) / box.height) * side]);
  }

  pad.firstElementChild.setAttribute("viewBox", `${-RANGE} ${-RANGE} ${side} ${side}`);
  pad.querySelector(".axes").setAttribute("d", `M${-RANGE} 0h${side}M0 ${-RANGE}v${side}`);
  pad.querySelector(".rings").innerHTML = [1, 2, 3].map((r) => `<circle r="${r}"/>`).join("");
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pad.setPointerCapture(event.pointerId);
    follow(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (pad.hasPointerCapture(event.pointerId)) follow(event);
  });
  pad.addEventListener("keydown", (event) => {
    if (event.key === "Home") set(own);
    else if (event.key in ARROWS) {
      move(ARROWS[event.key].map((sign, i) => z[dims[i]] / scale + sign * STEP));
    } else return;
    event.preventDefault();
  });
  $("reset").addEventListener("click", () => set(own));
  $("random").addEventListener("click", () =>
    set(Float32Array.from({ length: Z }, () => scale * normal())));
  for (const [i, id] of ["dim-x", "dim-y"].entries()) {
    const select = $(id);
    for (let dim = 0; dim < Z; dim++) create(select, "option", { value: dim }, `z[${dim}]`);
    select.value = dims[i];
    select.addEventListener("change", () => {
      dims[i] = Number(select.value);
      showPosition();
    });
  }
  $("dim-y").parentElement.hidden = Z === 1;

  return (style) => set((own = style));
}

/** A draw from N(0, 1), by Box and Muller. */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

/** The dimensions of the style, that which changes the pictures most first. */
export async function byEffect(restyle, Z, scale) {
  const effects = [];
  for (let dim = 0; dim < Z; dim++) {
    const at = (value) => Array.from({ length: Z }, (_, i) => (i === dim ? value : 0));
    const [low, high] = [(await restyle(at(-scale))).images, (await restyle(at(scale))).images];
    effects.push(low.reduce((sum, value, i) => sum + Math.abs(value - high[i]), 0));
  }
  return effects.map((_, dim) => dim).sort((a, b) => effects[b] - effects[a]);
}
