// The page: files and messages go to a worker with the project's Python, and its words come back.

const base = new URL(".", document.baseURI).href;
const [state, drop, tries, message, results, busy, stop, said] =
  ["state", "drop", "tries", "message", "results", "busy", "stop", "said"].map((id) => document.getElementById(id));
const nav = document.querySelector("nav"); // hidden where the rest of the site isn't
const MOST_FILES = 20_000; // of a folder
const SECONDS = 60; // for one run of a model
const TRIES = [ // name of the button, the file, what is done to its bytes
  ["The digits model", "digits.tflite"],
  ["A web page saved as .tflite", "page.tflite"],
  ["A git-LFS pointer", "pointer.tflite"],
  ["Half a file", "digits.tflite", "half.tflite"],
  ["A custom op", "custom.tflite"],
];

// Workers. A worker of a blob: address is held to this page's content security policy.

class Helper {
  #worker = null; #waiting = new Map(); #next = 0;

  constructor(script, kind) {
    [this.script, this.kind] = [script, kind];
  }

  /** Start it, if it isn't running. */
  start() {
    if (this.#worker) return;
    const line = this.kind === "module" ? `import "${base}${this.script}";` : `self.base = "${base}"; importScripts("${base}${this.script}");`;
    const address = URL.createObjectURL(new Blob([line], {type: "text/javascript"}));
    this.#worker = new Worker(address, {type: this.kind});
    this.#worker.onmessage = ({data: {id, value, error, broken}}) => {
      const found = this.#waiting.get(id);
      this.#waiting.delete(id);
      error ? found?.reject(new Error(error)) : found?.resolve(value);
      if (broken) this.end(error);
    };
    this.#worker.onerror = () => this.end("A part of this page is missing, or this browser is too old for it. Reload the page, with the network.");
  }

  /** Return what the worker answers; rejects with a sentence. */
  ask(question) {
    this.start();
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.#next, {resolve, reject});
      this.#worker.postMessage({id: this.#next++, ...question});
    });
  }

  /** End it; whoever waits gets the sentence. The next question starts another. */
  end(sentence) {
    this.#worker?.terminate();
    this.#worker = null;
    for (const {reject} of this.#waiting.values()) reject(new Error(sentence));
    this.#waiting.clear();
  }
}

const python = new Helper("worker.js", "module");
const litert = new Helper("run.js", "classic");

/** Ask the project's Python: {kind: "file", name, files: [[path, File]]} or {kind: "message", text}. */
export const ask = (question) => python.ask(question);

// What is shown

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const list = (rows) => element("dl", {}, ...rows.flatMap(([name, ...text]) => [element("dt", {}, name), element("dd", {}, ...text)]));
/** A text with `code` and addresses as such. */
const rich = (text) => text.split(/(`[^`]+`|https?:\/\/\S+[^\s.,;)])/).map((part, number) => !(number % 2) ? part
  : part[0] === "`" ? element("code", {}, part.slice(1, -1)) : element("a", {href: part}, part));

const mark = (word) => element("span", {className: {yes: "yes", likely: "yes", no: "no"}[word] ?? ""}, word);

function add(article) {
  results.querySelector(".none")?.remove();
  results.prepend(article);
  article.scrollIntoView({block: "nearest"});
  said.textContent = [...article.querySelectorAll("h3, dd, p")].slice(0, 2).map((one) => one.textContent).join(": "); // for a screen reader
  return article;
}

function fail(name, sentence) {
  add(element("article", {className: "failed"}, element("h3", {}, name), element("p", {}, sentence)));
}

function showFile(found, file) {
  const article = element("article", {}, element("h3", {}, found.name), list(found.rows));
  article.dataset.name = found.name;
  if (found.targets) {
    const rows = found.targets.map(([name, word, reason]) => [name, mark(word), `: ${reason}`]);
    article.append(element("h4", {}, "Where it runs, by its content alone"), list(rows));
    if (found.needs.length) article.append(element("h4", {}, "What it says about itself"), list(found.needs));
    const output = element("div"), button = element("button", {type: "button"}, "Run it here");
    button.onclick = () => run(file, found, output, button);
    article.append(element("p", {className: "row"}, button), output);
  }
  const text = [found.text, found.check].filter(Boolean).join("\n\n");
  article.append(element("details", {}, element("summary", {}, "As the command line says it"), element("pre", {}, text)));
  return add(article);
}

function showMessage(found) {
  const article = element("article", {}, element("h3", {}, found.known ? found.entries[0].title : "Not known"));
  article.dataset.known = found.known;
  if (!found.known) article.append(...found.text.split("\n\n").slice(1).map((part) => element("p", {}, part)));
  for (const {title, address, rows} of found.entries) {
    article.append(list(rows.map(([name, text]) => [name, ...rich(text)])));
    if (!nav.hidden) article.append(element("p", {}, "In the list of errors: ", element("a", {href: `../${address}`}, title)));
  }
  article.append(element("details", {}, element("summary", {}, "As the command line says it"), element("pre", {}, found.text)));
  return add(article);
}

/** Run a model once on zeros with LiteRT.js, in a worker of its own, and show what came. */
async function run(file, found, output, button) {
  const [, word, reason] = found.targets.find(([name]) => name === "browser");
  if (word === "no") return output.replaceChildren(element("p", {}, mark("no"), `: ${reason}`));
  button.disabled = true;
  output.replaceChildren(element("p", {}, "Running it with LiteRT.js, once, on zeros."));
  const limit = setTimeout(() => litert.end(`It was still busy after ${SECONDS} seconds, and was stopped.`), SECONDS * 1000);
  try {
    const {milliseconds, outputs} = await litert.ask({file});
    output.replaceChildren(
      element("p", {}, mark("yes"), `: LiteRT.js ran it once on zeros, in ${milliseconds.toFixed(1)} ms.`),
      list(outputs.map(({name, dtype, shape}) => ["output", `${name} ${dtype} (${shape.join(", ")})`])));
  } catch (error) {
    output.replaceChildren(element("p", {}, mark("no"), `: LiteRT.js says: ${error.message}`));
    const known = await ask({kind: "message", text: error.message}).catch(() => null);
    if (known?.known) output.append(list(known.entries[0].rows.map(([name, text]) => [name, ...rich(text)])));
  }
  clearTimeout(limit);
  button.disabled = false;
}

// What is asked

let working = 0;

async function during(words, task) {
  working++;
  busy.hidden = false;
  busy.querySelector("span").textContent = words;
  try {
    return await task();
  } finally {
    if (!--working) busy.hidden = true;
  }
}

/** Look at a file or folder: [[path, File], ...], all below `name`. */
async function look(name, files) {
  try {
    const found = await during(`Reading ${name}.`, () => ask({kind: "file", name, files}));
    if (found.refused) return fail(name, found.refused);
    showFile(found, files[0]?.[1]);
  } catch (error) {
    fail(name, error.message);
  }
}

async function explain() {
  const text = message.value;
  if (!text.trim()) return fail("No message", "Paste a message first: its last line, or better, the whole traceback.");
  try {
    showMessage(await during("Looking it up.", () => ask({kind: "message", text})));
  } catch (error) {
    fail("The message", error.message);
  }
}

/** Return [path, File] of each file below a dropped entry. */
async function below(entry, found = []) {
  if (found.length > MOST_FILES) throw new Error(`It holds more than ${MOST_FILES.toLocaleString("en")} files. Drop a folder further down.`);
  if (entry.isFile) {
    found.push([entry.fullPath.slice(1), await new Promise((resolve, reject) => entry.file(resolve, reject))]);
    return found;
  }
  const reader = entry.createReader();
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return found;
    for (const one of part) await below(one, found);
  }
}

async function dropped(transfer) {
  // All at once: what was dropped can be read only until the first await.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...transfer.files], text = transfer.getData("text/plain");
  if (!entries.length && !files.length && text) {
    message.value = text;
    return explain();
  }
  if (!entries.length) for (const file of files) await look(file.name, [[file.name, file]]);
  for (const entry of entries) {
    try {
      await look(entry.name, await below(entry));
    } catch (error) {
      fail(entry.name, `The browser can't read it: ${error.message}`);
    }
  }
}

async function chosen(input) {
  const files = [...input.files], folder = input.webkitdirectory && files.length && files[0].webkitRelativePath.split("/")[0];
  input.value = "";
  if (folder) return look(folder, files.map((file) => [file.webkitRelativePath, file]));
  for (const file of files) await look(file.name, [[file.name, file]]);
}

document.addEventListener("dragover", (event) => (event.preventDefault(), drop.classList.add("over")));
document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  dropped(event.dataTransfer);
});
for (const [button, input] of [["choose", "files"], ["choose-folder", "folder"]]) {
  const field = document.getElementById(input);
  document.getElementById(button).onclick = () => field.click();
  field.onchange = () => chosen(field);
}
document.getElementById("explain").onclick = explain;
message.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && explain());
stop.onclick = () => python.end("Stopped.");
for (const [label, source, half] of TRIES) {
  const button = element("button", {type: "button"}, label);
  button.onclick = async () => {
    const whole = await fetch(`try/${source}`).then((response) => response.blob());
    const file = new File([half ? whole.slice(0, whole.size / 2) : whole], half ?? source);
    await look(file.name, [[file.name, file]]);
  };
  tries.append(button);
}

// Start: the service worker first, so that what is fetched is kept, and fetched once.

function say(name, sentence) {
  document.body.dataset.state = name;
  state.textContent = sentence;
}

async function keeper() {
  if (!navigator.serviceWorker) return false;
  await navigator.serviceWorker.register("sw.js");
  if (navigator.serviceWorker.controller) return true;
  return new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("controllerchange", () => resolve(true), {once: true});
    setTimeout(() => resolve(false), 3000);
  });
}

try {
  document.documentElement.dataset.mode = localStorage.getItem("mode") ?? "auto"; // as the course's pages keep it
} catch { /* a browser that forbids it */ }
const kept = await keeper().catch(() => false);
try {
  await ask({kind: "start"});
  say("ready", "Ready.");
  performance.mark("ready");
  if (kept) {
    await litert.ask({warm: ["try/digits.tflite", "try/page.tflite", "try/pointer.tflite", "try/custom.tflite"]});
    say("offline", "Ready, and everything is here: the network may go.");
  }
} catch (error) {
  say("failed", error.message);
}
