// The project's own Python, through Pyodide. Answers one question after the other.

import {loadPyodide} from "./pyodide/pyodide.mjs";

const base = new URL(".", import.meta.url).href;
const LARGEST = 2 ** 30; // bytes of a .tflite, which is read whole
const LOST = 29; // the number that the WebAssembly system interface has for EIO
let count = 0, unread = false, last = start();

async function start() {
  const bundle = fetch(`${base}bundle.zip`).then((response) => response.arrayBuffer());
  const python = await loadPyodide({indexURL: `${base}pyodide/`});
  python.unpackArchive(await bundle, "zip", {extractDir: "/code"});
  const {stream_ops} = python.FS.filesystems.WORKERFS, {read} = stream_ops;
  stream_ops.read = (...given) => { // an error that Python doesn't know would end it
    try {
      return read(...given);
    } catch {
      unread = true;
      throw new python.FS.ErrnoError(LOST);
    }
  };
  python.runPython("import sys; sys.path.insert(0, '/code'); import page; page.warm()");
  return {python, page: python.pyimport("page")};
}

/** Return what the page shows of files that lie below `name`. Only the parts that are read are fetched from disk. */
async function look({python, page}, {name, files}) {
  for (const [path, file] of files) {
    try {
      await file.slice(0, 1).arrayBuffer();
    } catch {
      return gone(path);
    }
  }
  const [first] = files;
  if (files.length === 1 && first[0] === name && first[1].size > LARGEST && await isTflite(first[1]))
    return {refused: `It's a .tflite of ${first[1].size.toLocaleString("en")} bytes, and this page reads up to ${LARGEST.toLocaleString("en")}. In a terminal: hub-to-tflite identify ${name}`};
  const folder = `/drop/${count++}`, {FS} = python;
  FS.mkdirTree(folder);
  FS.mount(FS.filesystems.WORKERFS, {blobs: files.map(([path, data]) => ({name: path, data}))}, folder);
  unread = false;
  try {
    if (!files.length) return JSON.parse(page.empty_folder(name));
    const found = page.look(folder, name);
    return unread ? gone(name) : JSON.parse(found);
  } catch (error) {
    if (unread) return gone(name);
    throw error;
  } finally {
    FS.chdir("/");
    FS.unmount(folder);
  }
}

function gone(path) {
  return {refused: `The browser can't read ${path}. Was it moved, renamed or changed, or isn't it yours to read?`};
}

async function isTflite(file) {
  return new TextDecoder("latin1").decode(await file.slice(4, 8).arrayBuffer()) === "TFL3";
}

async function answer(question) {
  const here = await started;
  if (question.kind === "start") return true;
  if (question.kind === "message") return JSON.parse(here.page.explained(question.text));
  return look(here, question);
}

function sentence(error) {
  const text = String(error?.message ?? error);
  if (/MemoryError|out of memory|allocation failed/i.test(text)) return "It needs more memory than this page has. In a terminal, hub-to-tflite has no such limit.";
  return `The page failed at it, and that's a fault of the page: ${text.trim().split("\n").at(-1)}`;
}

const started = last;
self.onmessage = ({data}) => {
  last = last.catch(() => {}).then(async () => {
    try {
      postMessage({id: data.id, value: await answer(data)});
    } catch (error) {
      postMessage({id: data.id, error: sentence(error), broken: error?.name !== "PythonError"});
    }
  });
};
