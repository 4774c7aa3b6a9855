// Strokes to an image of the size the model reads, prepared as the images of its data set were.

const OVERSAMPLING = 8;

// MNIST fits a digit into 20 of 28 pixels and centres its mass; the 8x8 digits fill their frame.
function layout(height, width) {
  const side = Math.min(height, width);
  return side < 16
    ? { box: side, line: 0.19 * side, byMass: false }
    : { box: (20 / 28) * side, line: (2.6 / 28) * side, byMass: true };
}

export function trace(context, strokes) {
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "#fff";
  for (const [start, ...rest] of strokes) {
    context.beginPath();
    context.moveTo(...start);
    context.lineTo(start[0] + 0.01, start[1]); // a line of no length leaves no dot
    for (const point of rest) context.lineTo(...point);
    context.stroke();
  }
}

// Draws with the point `middle` of the strokes at `centre`, and averages down to the pixels.
function render(strokes, height, width, { scale, line, middle, centre }) {
  const canvas = document.createElement("canvas");
  canvas.width = width * OVERSAMPLING;
  canvas.height = height * OVERSAMPLING;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(OVERSAMPLING, OVERSAMPLING);
  context.lineWidth = line;
  const place = (point) => point.map((value, i) => (value - middle[i]) * scale + centre[i]);
  trace(context, strokes.map((stroke) => stroke.map(place)));
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Float32Array(height * width);
  for (let i = 0; i < data.length / 4; i++) {
    const column = Math.floor((i % canvas.width) / OVERSAMPLING);
    const row = Math.floor(i / canvas.width / OVERSAMPLING);
    pixels[row * width + column] += data[4 * i + 3] / 255 / OVERSAMPLING ** 2;
  }
  return pixels;
}

function centreOfMass(pixels, width) {
  let [total, x, y] = [0, 0, 0];
  pixels.forEach((value, i) => {
    total += value;
    x += value * ((i % width) + 0.5);
    y += value * (Math.floor(i / width) + 0.5);
  });
  return [x / total, y / total];
}

/** Grey values in [0, 1], row by row; zeros where nothing is drawn. */
export function toImage(strokes, height, width) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(height * width);
  const { box, line, byMass } = layout(height, width);
  const low = [0, 1].map((i) => Math.min(...points.map((point) => point[i])));
  const high = [0, 1].map((i) => Math.max(...points.map((point) => point[i])));
  const extent = Math.max(high[0] - low[0], high[1] - low[1]);
  const placed = {
    scale: extent ? (box - line) / extent : 1,
    line,
    middle: [0, 1].map((i) => (low[i] + high[i]) / 2),
    centre: [width / 2, height / 2],
  };
  const pixels = render(strokes, height, width, placed);
  if (!byMass) return pixels;
  const mass = centreOfMass(pixels, width);
  const centre = [width / 2, height / 2].map((value, i) => 2 * value - mass[i]);
  return render(strokes, height, width, { ...placed, centre });
}
