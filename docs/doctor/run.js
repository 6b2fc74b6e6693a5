// A model, run once on zeros with LiteRT.js. A worker of its own: what it breaks breaks here. `base` is the page's folder.

const TYPES = {float32: Float32Array, int32: Int32Array, uint8: Uint8Array};
let runtime = null;

async function start() {
  const litert = await import(`${base}litert/core.js`);
  self.Module = {locateFile: (name) => `${base}litert/wasm/${name}`}; // a blob: worker has no folder
  await litert.loadLiteRt(`${base}litert/wasm/`);
  return litert;
}

async function run(file) {
  const {loadAndCompile, Tensor} = await (runtime ??= start());
  const model = await loadAndCompile(new Uint8Array(await file.arrayBuffer()), {accelerator: "wasm"});
  const inputs = model.getInputDetails().map(({dtype, shape}) => {
    const sizes = Array.from(shape, (size) => size < 0 ? 1 : size);
    return new Tensor(new TYPES[dtype](sizes.reduce((all, size) => all * size, 1)), sizes);
  });
  const names = model.getOutputDetails().map(({name}) => name), before = performance.now();
  const found = await model.run(inputs), data = await Promise.all(found.map((one) => one.data()));
  const milliseconds = performance.now() - before;
  return {milliseconds, outputs: found.map((one, number) => ({
    name: names[number], dtype: one.type.dtype, shape: Array.from(one.type.layout.dimensions), size: data[number].length}))};
}

/** Fetch what a later question will need, so that the service worker keeps it. */
async function warm(files) {
  await Promise.all([(runtime ??= start()), ...files.map((name) => fetch(base + name).then((found) => found.blob()))]);
}

self.onmessage = async ({data: {id, file, warm: files}}) => {
  try {
    postMessage({id, value: files ? await warm(files) : await run(file)});
  } catch (error) {
    postMessage({id, error: String(error?.message ?? error).split("\n")[0].slice(0, 300)});
  }
};
