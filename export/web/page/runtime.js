// The three functions of a model, run by LiteRT.js on the CPU.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

async function compile(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const model = await loadAndCompile(bytes, { accelerator: "wasm" });
  return async (values) => {
    const input = new Tensor(Float32Array.from(values), [1, values.length]);
    try {
      const [output] = await model.run([input]);
      const result = Float32Array.from(await output.data());
      output.delete();
      return result;
    } finally {
      input.delete();
    }
  };
}

/** `classify` x -> probabilities, `style` x -> z, `restyle` z -> an image of each class. */
export async function load(folder, files) {
  await loadLiteRt("litert/wasm/");
  const functions = {};
  for (const key of ["classify", "style", "restyle"]) {
    functions[key] = await compile(`${folder}/${files[key]}`);
  }
  return functions;
}
