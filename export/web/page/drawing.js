// A canvas to draw on: strokes, of which the last can be taken back.

import { $, show } from "./dom.js";
import { toImage, trace } from "./strokes.js";

const SIDE = 320;

/** Returns what shows an image instead; `changed` is told of each drawing, null when blank. */
export function drawing([height, width, channels = 1], changed) {
  const canvas = $("drawing");
  const context = canvas.getContext("2d");
  const sides = [SIDE, Math.round((SIDE * height) / width)];
  let strokes = [];
  let stroke = null;

  function redraw() {
    [canvas.width, canvas.height] = sides;
    canvas.classList.add("drawn");
    context.lineWidth = 26;
    trace(context, strokes);
    $("undo").disabled = $("clear").disabled = !strokes.length;
    const grey = toImage(strokes, height, width);
    const x = Float32Array.from({ length: grey.length * channels }, (_, i) =>
      grey[Math.floor(i / channels)]);
    changed(strokes.length ? x : null);
  }

  function position(event) {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * sides[0],
      ((event.clientY - box.top) / box.height) * sides[1],
    ];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    strokes.push((stroke = [position(event)]));
    redraw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    stroke.push(position(event));
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => (stroke = null));
  }
  $("undo").addEventListener("click", () => {
    strokes.pop();
    redraw();
  });
  $("clear").addEventListener("click", () => {
    strokes = [];
    redraw();
  });

  return {
    redraw,
    replace(x) {
      strokes = [];
      canvas.classList.remove("drawn");
      $("undo").disabled = true;
      $("clear").disabled = false;
      show(canvas, x, [height, width, channels]);
    },
  };
}
