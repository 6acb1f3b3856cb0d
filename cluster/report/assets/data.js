// The run's data as the page carries it: unpacked into columns. The other end of cluster/report/columns.py.
// Must not draw.

const $ = (id) => document.getElementById(id);

function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== "") node.append(child);
  return node;
}

async function unpack(text) {
  const packed = atob(text.trim());
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const whole = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = new DataView(whole.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(whole.subarray(4, 4 + size)));
  const tables = {};
  let at = 4 + size;
  for (const [name, described] of Object.entries(head.tables)) {
    const table = (tables[name] = { rows: described.rows });
    for (const [column, width, differences] of described.columns) {
      table[column] = numbers(whole, at, described.rows, width, differences);
      at += width * described.rows;
    }
  }
  return { head, tables };
}

function numbers(bytes, at, rows, width, differences) {
  const values = differences || width > 3 ? new Float64Array(rows) : new Int32Array(rows);
  for (let plane = 0; plane < width; plane++) {
    const factor = 2 ** (8 * plane);
    const start = at + plane * rows;
    for (let row = 0; row < rows; row++) values[row] += bytes[start + row] * factor;
  }
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const zigzag = values[row];
    let value = zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
    if (differences) value = sum += value;
    values[row] = value;
  }
  return values;
}

// The last entry of a list of [time, ...] that is not after `time`, or null.
function lastBefore(list, time) {
  const place = upperBound(list, time, (entry) => entry[0]) - 1;
  return place >= 0 ? list[place] : null;
}

// How many entries are not after `value`.
function upperBound(list, value, read = (entry) => entry) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (read(list[middle]) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lowerBound(list, value) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function seconds(time, span = 1) {
  const digits = span > 50 ? 1 : span > 5 ? 2 : span > 0.05 ? 3 : span > 0.005 ? 4 : 6;
  return `${time.toFixed(digits)} s`;
}

function lasting(time) {
  if (time < 0.001) return `${(time * 1e6).toFixed(0)} us`;
  if (time < 1) return `${(time * 1e3).toFixed(time < 0.01 ? 2 : 1)} ms`;
  return `${time.toFixed(3)} s`;
}

function bytes(count) {
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(2)} MB`;
}

const many = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;

// A shell pattern list ("raft.*, !*.reply") as a test of texts: any of the positive ones and none of the negative ones.
function patterns(text) {
  const read = (pattern) =>
    new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".")}$`, "i");
  const words = text.split(/[\s,]+/).filter((word) => word && word !== "!");
  const yes = words.filter((word) => !word.startsWith("!")).map(read);
  const no = words.filter((word) => word.startsWith("!")).map((word) => read(word.slice(1)));
  return (name) => (!yes.length || yes.some((p) => p.test(name))) && !no.some((p) => p.test(name));
}

const Theme = {
  values: {},
  get(name) {
    return (this.values[name] ??= getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  },
  forget() {
    this.values = {};
  },
};

const FAMILY_COLOURS = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];
const bandColour = (family) => Theme.get(`band-${family}`) || Theme.get("band-other");
const outcomeColour = (outcome) => Theme.get(["ok", "fail", "unknown"][outcome]);
