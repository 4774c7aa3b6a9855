// The functions of a model, run by LiteRT.js on the CPU.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import { download } from "./download.js";

const WASM = "litert/wasm/litert_wasm_compat_internal";

/** The files that `load` asks for. */
export const filesOf = (card) => [
  `${WASM}.wasm.gz`,
  ...Object.entries(card.files)
    .filter(([name]) => name !== "labels")
    .map(([, file]) => `model/${file}.gz`),
];

async function compile(bytes) {
  const model = await loadAndCompile(bytes, { accelerator: "wasm" });
  const [{ name }] = model.getInputDetails();
  return async (values) => {
    const input = new Tensor(Float32Array.from(values), [1, values.length]);
    try {
      const found = {};
      for (const [key, output] of Object.entries(await model.run({ [name]: input }))) {
        found[key] = Float32Array.from(await output.data());
        output.delete();
      }
      return found;
    } finally {
      input.delete();
    }
  };
}

/**
 * `read` x -> probabilities, the style in every class and, where there is a `head`, what that sees;
 * `restyle` z -> an image of each class. `head` are the weights of the last layer.
 */
export async function load(card, count) {
  const files = filesOf(card);
  const [wasm, ...contents] = await Promise.all(files.map((file) => download(file, count)));
  const of = (name) => contents[files.indexOf(`model/${card.files[name]}.gz`) - 1];
  self.Module = { wasmBinary: wasm }; // which LiteRT.js would fetch, not compressed
  await loadLiteRt(`${WASM}.js`);
  const model = { read: await compile(of("read")) };
  if (card.files.restyle) model.restyle = await compile(of("restyle"));
  if (card.files.head) model.head = new Float32Array(of("head").buffer);
  return model;
}
