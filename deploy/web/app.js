// The page: what the pen does, and what is shown of the prediction.

import {SIZE, RADIUS, blank, line, softmax, toDigit} from "./digit.js";
import {load, start} from "./model.js";

const STEP = 8; // pixels that an arrow key moves the pen
const SHARP = 2; // canvas points per pixel of paper
const [paper, seen, prediction, message, live, scores, models, samples] =
  ["paper", "seen", "prediction", "message", "live", "scores", "models", "samples"].map((id) => document.getElementById(id));
const rows = Array.from({length: 10}, (_, number) => {
  const row = scores.tBodies[0].insertRow();
  row.innerHTML = `<th scope="row">${number}</th><td aria-hidden="true"><div class="bar"></div></td><td>–</td>`;
  return row;
});

let ink = blank();
let strokes = []; // each a list of [x, y]
let pen = null; // the stroke that is being drawn
let cursor = [SIZE / 2, SIZE / 2]; // where the keyboard's pen is
let sample = null; // a test digit in place of the ink
let model = null; // {name, classify}, once it is loaded
let busy = false, next = null, speech = 0;

/** Show the ink and what the model would see of it, then ask the model. */
function show() {
  const digit = sample ?? toDigit(ink), cells = new ImageData(8, 8);
  digit.forEach((count, cell) => cells.data.set([...Array(3).fill(Math.floor(count * 255 / 16)), 255], 4 * cell));
  seen.getContext("2d").putImageData(cells, 0, 0);
  const lines = Array.from({length: 8}, (_, row) => digit.slice(8 * row, 8 * row + 8).join(" "));
  seen.setAttribute("aria-label", isEmpty(digit) ? "No image yet"
    : `Ink in each of 8 by 8 cells, 0 to 16, row by row: ${lines.join("; ")}`);
  draw();
  ask(digit);
}

const isEmpty = (digit) => digit.every((count) => !count);

function draw() {
  const pixels = paper.getContext("2d");
  pixels.setTransform(SHARP, 0, 0, SHARP, 0, 0);
  pixels.fillRect(0, 0, SIZE, SIZE); // black, even where a system's own colours replace the page's
  pixels.imageSmoothingEnabled = false;
  if (sample) pixels.drawImage(seen, 0, 0, SIZE, SIZE);
  Object.assign(pixels, {lineWidth: 2 * RADIUS, lineCap: "round", lineJoin: "round", strokeStyle: "#fff"});
  pixels.setLineDash([]);
  for (const stroke of strokes) {
    pixels.beginPath();
    pixels.moveTo(stroke[0][0] - 0.01, stroke[0][1]); // a line without length wouldn't be drawn, and a dot is one
    for (const point of stroke) pixels.lineTo(...point);
    pixels.stroke();
  }
  if (paper.matches(":focus-visible")) { // the keyboard's pen: a ring, broken while it's lifted
    Object.assign(pixels, {lineWidth: 3, lineCap: "butt", strokeStyle: "#e69f00"});
    pixels.setLineDash(pen ? [] : [4, 4]);
    pixels.beginPath();
    pixels.arc(...cursor, RADIUS, 0, 2 * Math.PI);
    pixels.stroke();
  }
}

/** Ask the model, one run at a time; a digit that the pen has changed by then is skipped. */
async function ask(digit) {
  next = digit;
  if (busy || !model) return;
  busy = true;
  try {
    while (next && model) {
      const {name, classify} = model, now = next;
      next = null;
      report(name, isEmpty(now) ? null : await classify(now));
    }
  } catch (error) {
    fail(`The model failed: ${error.message ?? error}`);
  }
  busy = false;
}

function report(name, found) {
  const probabilities = found && softmax(found.scores), most = probabilities && Math.max(...probabilities);
  rows.forEach((row, number) => {
    row.className = probabilities?.[number] === most ? "best" : "";
    row.querySelector(".bar").style.width = probabilities ? `${100 * probabilities[number]}%` : 0;
    row.cells[2].textContent = probabilities ? percent(probabilities[number]) : "–";
  });
  prediction.innerHTML = !probabilities ? "Draw a digit, or take a test digit."
    : `<strong>The model reads a ${probabilities.indexOf(most)}.</strong> `
    + `Probability ${percent(most)}, in ${found.milliseconds.toFixed(1)} ms, with ${name}.`;
  clearTimeout(speech); // a screen reader hears the prediction when the pen rests
  speech = setTimeout(() => live.textContent = prediction.textContent, 400);
}

const percent = (probability) => `${(100 * probability).toFixed(1)}\u00a0%`;

function begin(point) {
  if (sample) clear();
  strokes.push(pen = [point]);
  line(ink, point);
  show();
}

function extend(...points) {
  line(ink, pen.at(-1), ...points);
  pen.push(...points);
  show();
}

function clear() {
  startWith([]);
}

function undo() {
  startWith(strokes.slice(0, -1));
}

/** Take new paper with these strokes, or this test digit, on it. */
function startWith(kept, digit = null) {
  [strokes, sample, pen, ink] = [kept, digit, null, blank()];
  for (const stroke of strokes) line(ink, ...stroke);
  show();
}

function position(event) {
  const frame = paper.getBoundingClientRect();
  return [(event.clientX - frame.left) * SIZE / frame.width, (event.clientY - frame.top) * SIZE / frame.height];
}

let pointer = null; // one finger draws; a second one is ignored
paper.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button) return;
  pointer = event.pointerId;
  paper.setPointerCapture(pointer);
  begin(position(event));
});
paper.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer || !pen) return;
  const between = event.getCoalescedEvents?.() ?? [];
  extend(...(between.length ? between : [event]).map(position));
});
paper.addEventListener("lostpointercapture", (event) => {
  if (event.pointerId === pointer) pointer = pen = null;
});

const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
paper.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || pointer !== null) return;
  if (event.key in ARROWS) {
    cursor = cursor.map((side, axis) => Math.min(SIZE, Math.max(0, side + STEP * ARROWS[event.key][axis])));
    pen ? extend(cursor) : draw();
  } else if (event.key === " ") {
    if (!event.repeat) pen ? (pen = null, draw()) : begin(cursor);
  } else if (event.key === "Escape") clear();
  else if (event.key === "Backspace") undo();
  else return;
  event.preventDefault();
});
paper.addEventListener("focus", draw);
paper.addEventListener("blur", () => {
  if (pointer === null) pen = null;
  draw();
});
document.getElementById("clear").addEventListener("click", clear);
document.getElementById("undo").addEventListener("click", undo);

let chosen = null;
const loaded = new Map(); // a model is loaded once

async function use({file, name}) {
  [chosen, model] = [file, null];
  document.body.dataset.state = "loading";
  prediction.textContent = `Loading ${name}.`;
  try {
    if (!loaded.has(file)) {
      const classify = await load(file);
      await classify(new Uint8Array(64)); // the first run is slower than the others
      loaded.set(file, classify);
    }
    if (chosen !== file) return; // another was chosen meanwhile
    model = {name, classify: loaded.get(file)};
    message.textContent = "";
    document.body.dataset.state = "ready";
    show();
  } catch (error) {
    if (chosen !== file) return;
    report(name, null);
    fail(error.message);
  }
}

function offer(contents) {
  contents.models.forEach((each, number) => {
    const label = document.createElement("label"), button = document.createElement("input");
    Object.assign(button, {type: "radio", name: "model", checked: !number});
    button.addEventListener("change", () => use(each));
    label.append(button, `${each.name} (${(each.bytes / 1e6).toFixed(2)} MB)`);
    models.append(label);
  });
  contents.samples.forEach((digit, number) => {
    const button = Object.assign(document.createElement("button"), {type: "button", textContent: number});
    button.setAttribute("aria-label", `Test digit ${number}`);
    button.addEventListener("click", () => startWith([], Uint8Array.from(digit)));
    samples.append(button);
  });
}

paper.width = paper.height = SHARP * SIZE;
show();
try {
  const contents = await fetch("contents.json").then((found) => found.json()).catch(() => {
    throw new Error("The list of models, contents.json, is missing or damaged. Build the page again: make web.");
  });
  offer(contents);
  await start();
  await use(contents.models[0]);
} catch (error) {
  fail(error.message);
}
