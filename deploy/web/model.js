// A .tflite in the browser, through LiteRT.js. Every error is a sentence for the reader of the page.

import {loadAndCompile, loadLiteRt, Tensor} from "@litertjs/core";
import {asModelInput} from "./digit.js";

/** Load the runtime, once: 9 MB of WebAssembly, without threads, on the CPU. */
export async function start() {
  if (typeof WebAssembly === "undefined")
    throw new Error("This browser has no WebAssembly, which LiteRT.js needs, or it's switched off.");
  await loadLiteRt(new URL("litert/wasm/", document.baseURI).href).catch((error) => {
    throw new Error(`The runtime did not load (${reason(error)}). Build the page again: make web.`);
  });
}

/** Load a model file; returns classify(digit) -> {scores, milliseconds}. */
export async function load(file) {
  const response = await fetch(file).catch(() => null);
  if (!response) throw new Error(`The model file ${file} could not be fetched. Is the server that sent this page still running?`);
  if (!response.ok) throw new Error(`There is no model file ${file} here: the server answered ${response.status}.`);
  const content = new Uint8Array(await response.arrayBuffer());
  if (new TextDecoder("latin1").decode(content.subarray(4, 8)) !== "TFL3")
    throw new Error(`The file ${file} isn't a .tflite: it lacks the file identifier TFL3 in bytes 4 to 8. It has ${content.length} bytes.`);
  let model;
  try {
    model = await loadAndCompile(content, {accelerator: "wasm"});
  } catch (error) {
    throw new Error(`The file ${file} is damaged, or needs something that LiteRT.js lacks: it says "${reason(error)}".`);
  }
  const [input] = model.getInputDetails(), [output] = model.getOutputDetails();
  const shape = Array.from(input.shape), found = `${input.dtype} (${shape.join(", ")}) in, (${output.shape.join(", ")}) out`;
  if (!/^float32 \(1, \d+, \d+, \d+\) in, \(1, 10\) out$/.test(found)) {
    model.delete();
    throw new Error(`The model ${file} doesn't fit this page, which gives it one image, float32 (1, height, width, channels), `
      + `and reads ten scores, (1, 10). Found: ${found}.`);
  }
  return async (digit) => {
    const tensor = new Tensor(asModelInput(digit, shape.slice(1)), shape), before = performance.now();
    const [result] = await model.run(tensor);
    const scores = Array.from(await result.data()), milliseconds = performance.now() - before;
    tensor.delete(); // LiteRT.js doesn't free tensors by itself
    result.delete();
    return {scores, milliseconds};
  };
}

const reason = (error) => String(error?.message ?? error).split("\n")[0].slice(0, 200);
