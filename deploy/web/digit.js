// From ink to scores. The same functions as in deploy/notebook/drawing_pad.py and helpers/digits.py, where they're
// explained; tests/deploy/test_web.py compares the two.

export const SIZE = 224; // pixels: the side of the paper
export const RADIUS = 8; // pixels: half the width of the pen
const INKED = 128, POINTS = 32, WIDEST = 20;

/** Paper without ink: SIZE x SIZE zeros, row by row. */
export const blank = () => new Uint8Array(SIZE * SIZE);

/** Draw with a round pen from point to point, each [x, y]; one point makes a dot. */
export function line(ink, ...points) {
  points = points.map(([x, y]) => [Math.floor(x + 0.5), Math.floor(y + 0.5)]);
  const ends = points.length > 1 ? points.slice(1) : points;
  ends.forEach(([right, bottom], number) => {
    const [left, top] = points[number];
    const across = right - left, down = bottom - top, length = across ** 2 + down ** 2;
    for (let y = Math.max(0, Math.min(top, bottom) - RADIUS); y <= Math.min(SIZE - 1, Math.max(top, bottom) + RADIUS); y++)
      for (let x = Math.max(0, Math.min(left, right) - RADIUS); x <= Math.min(SIZE - 1, Math.max(left, right) + RADIUS); x++) {
        const along = (x - left) * across + (y - top) * down, aside = (x - left) * down - (y - top) * across;
        if ((x - left) ** 2 + (y - top) ** 2 <= RADIUS ** 2 || (x - right) ** 2 + (y - bottom) ** 2 <= RADIUS ** 2
            || (along > 0 && along < length && aside ** 2 <= RADIUS ** 2 * length)) ink[y * SIZE + x] = 255;
      }
  });
  return ink;
}

/** Ink as the model expects a digit: 64 numbers, 0 = paper to 16 = full ink. */
export function toDigit(ink) {
  const digit = new Uint8Array(64);
  let left = SIZE, right = -1, top = SIZE, bottom = -1;
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++)
      if (ink[y * SIZE + x] >= INKED) {
        left = Math.min(left, x), right = Math.max(right, x);
        top = Math.min(top, y), bottom = Math.max(bottom, y);
      }
  if (right < 0) return digit;
  const wide = right - left + 1, high = bottom - top + 1;
  const height = Math.max(high, Math.ceil(wide / 2), Math.ceil(SIZE / 4));
  const width = Math.max(wide, Math.ceil(height * WIDEST / POINTS));
  const rows = touched(height, POINTS, top - Math.floor((height - high) / 2));
  const columns = touched(width, WIDEST, left - Math.floor((width - wide) / 2));
  const inked = ([firstRow, lastRow], [firstColumn, lastColumn]) => {
    for (let y = Math.max(firstRow, top); y < Math.min(lastRow, bottom + 1); y++)
      for (let x = Math.max(firstColumn, left); x < Math.min(lastColumn, right + 1); x++)
        if (ink[y * SIZE + x] >= INKED) return 1;
    return 0;
  };
  const margin = (POINTS - WIDEST) / 2;
  rows.forEach((row, y) => columns.forEach((column, x) => {
    digit[8 * (y >> 2) + ((x + margin) >> 2)] += inked(row, column);
  }));
  return digit;
}

/** The pixels [first, last) that each of `count` equal parts of `length` pixels touches. */
const touched = (length, count, start) => Array.from({length: count}, (_, part) =>
  [start + Math.floor(part * length / count), start + Math.ceil((part + 1) * length / count)]);

/** A digit as the model's input: Float32Array of height * width * channels in [0, 1], enlarged bilinearly. */
export function asModelInput(digit, [height, width, channels] = [48, 48, 3]) {
  const rows = neighbours(height), columns = neighbours(width), pixels = new Float32Array(height * width * channels);
  let index = 0;
  for (const [above, below, down] of rows)
    for (const [before, after, across] of columns) {
      const at = (y, x) => digit[8 * y + x] / 16;
      const upper = at(above, before) * (1 - across) + at(above, after) * across;
      const lower = at(below, before) * (1 - across) + at(below, after) * across;
      pixels.fill(upper * (1 - down) + lower * down, index, index += channels);
    }
  return pixels;
}

/** For each of `size` pixels: the two of 8 cells that it lies between, and how close it is to the second. */
const neighbours = (size) => Array.from({length: size}, (_, pixel) => {
  const source = Math.min(7, Math.max(0, (pixel + 0.5) * 8 / size - 0.5)), first = Math.min(6, Math.floor(source));
  return [first, first + 1, source - first];
});

/** Scores as probabilities. */
export function softmax(scores) {
  const most = Math.max(...scores), powers = Array.from(scores, (score) => Math.exp(score - most));
  const sum = powers.reduce((total, power) => total + power);
  return powers.map((power) => power / sum);
}
