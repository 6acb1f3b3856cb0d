// One window of time for all drawings, and a canvas that shows it: zoom, pan, pinch, keys, fault bands, time axis, tooltip.
// Must not know what is drawn.

const View = {
  start: 0,
  end: 1,
  longest: 1,
  cursor: 0,
  panels: [],
  followers: [],
  _asked: false,
  begin(longest) {
    this.longest = this.end = Math.max(longest, 1e-6);
  },
  set(start, end) {
    const width = Math.min(this.longest * 1.02, Math.max(end - start, 2e-6));
    const middle = (start + end) / 2;
    const room = this.longest * 0.01;
    const low = Math.max(-room, Math.min(middle - width / 2, this.longest + room - width));
    this.start = low;
    this.end = low + width;
    this.touch();
  },
  zoom(factor, at = (this.start + this.end) / 2) {
    this.set(at - (at - this.start) * factor, at + (this.end - at) * factor);
  },
  pan(time) {
    this.set(this.start + time, this.end + time);
  },
  reset() {
    this.set(0, this.longest);
  },
  point(time) {
    this.cursor = Math.max(0, Math.min(this.longest, time));
    this.touch();
  },
  show(time) {
    if (time < this.start || time > this.end) this.pan(time - (this.start + this.end) / 2);
  },
  touch() {
    if (this._asked) return;
    this._asked = true;
    requestAnimationFrame(() => {
      this._asked = false;
      for (const follower of this.followers) follower();
      for (const panel of this.panels) panel.refresh();
    });
  },
};

const TOP = 6;
const AXIS = 22;
const STRIP = 14;

class Panel {
  // `options`: height(width), draw(context, panel), hit(x, y) -> lines or null, click(x, y), left: room for names.
  constructor(canvas, options) {
    this.canvas = canvas;
    this.options = options;
    this.context = canvas.getContext("2d");
    this.left = 0;
    this.visible = true;
    this.pointers = new Map();
    this.moved = 0;
    canvas.tabIndex = 0;
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
    new IntersectionObserver((entries) => {
      this.visible = entries.some((entry) => entry.isIntersecting);
      if (this.visible) this.refresh();
    }, { rootMargin: "200px" }).observe(canvas);
    this.listen();
    View.panels.push(this);
    this.resize();
  }

  resize() {
    const width = Math.floor(this.canvas.parentElement.clientWidth);
    if (!width) return;
    const height = Math.round(this.options.height(width));
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.width = width;
    this.height = height;
    this.left = this.options.left ? this.options.left(width) : 0;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.refresh();
  }

  x(time) {
    return this.left + ((time - View.start) / (View.end - View.start)) * (this.width - this.left);
  }

  time(x) {
    return View.start + ((x - this.left) / (this.width - this.left)) * (View.end - View.start);
  }

  get top() {
    return TOP + STRIP * Bands.rows;
  }

  get bottom() {
    return this.height - AXIS;
  }

  refresh() {
    if (!this.visible || !this.width) return;
    const context = this.context;
    context.clearRect(0, 0, this.width, this.height);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.save();
    context.beginPath();
    context.rect(this.left, 0, this.width - this.left, this.height);
    context.clip();
    Bands.draw(context, this);
    context.restore();
    this.axis(context);
    this.options.draw(context, this);
    const x = this.x(View.cursor);
    if (x >= this.left && x <= this.width) {
      context.fillStyle = Theme.get("accent");
      context.fillRect(x - 0.75, 0, 1.5, this.bottom + 4);
    }
  }

  axis(context) {
    const span = View.end - View.start;
    const rough = (span / Math.max(2, (this.width - this.left) / (this.width < 600 ? 84 : 110))) || 1e-6;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= rough);
    context.textAlign = "center";
    for (let tick = Math.ceil(View.start / step - 1e-9); tick * step <= View.end; tick++) {
      const x = this.x(tick * step);
      const text = seconds(tick * step, step * 4);
      const half = context.measureText(text).width / 2;
      context.fillStyle = Theme.get("grid");
      context.fillRect(Math.round(x), this.top, 1, this.bottom - this.top);
      context.fillStyle = Theme.get("muted");
      context.fillText(text, Math.max(this.left + half, Math.min(x, this.width - half)), this.height - AXIS / 2 + 2);
    }
  }

  listen() {
    const canvas = this.canvas;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("wheel", (event) => {
      // The page scrolls over drawings that nobody has taken hold of.
      if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const [x] = place(event);
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
        View.pan(((event.deltaX || event.deltaY) / this.width) * (View.end - View.start));
      } else View.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 180), this.time(x));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      this.pointers.set(event.pointerId, place(event));
      if (this.pointers.size === 1) this.moved = 0;
      if (event.pointerType === "mouse") canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => this.move(event, place(event)));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(name, (event) => {
        const was = this.pointers.delete(event.pointerId);
        if (was && name === "pointerup" && this.moved < 5 && !this.pointers.size) this.clicked(...place(event));
      });
    }
    canvas.addEventListener("pointerleave", () => Tip.hide());
    canvas.addEventListener("dblclick", () => View.reset());
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  move(event, [x, y]) {
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      const lines = this.options.hit && this.options.hit(x, y);
      if (lines) Tip.show(event.clientX, event.clientY, lines);
      else Tip.hide();
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    if (others.length) {
      const [other] = others;
      const old = Math.hypot(before[0] - other[0], before[1] - other[1]);
      const now = Math.hypot(x - other[0], y - other[1]);
      if (old > 8 && now > 8) View.zoom(old / now, this.time((x + other[0]) / 2));
      this.moved = 99;
    } else {
      this.moved += Math.abs(x - before[0]) + Math.abs(y - before[1]);
      if (this.moved >= 5) View.pan(((before[0] - x) / (this.width - this.left)) * (View.end - View.start));
    }
    this.pointers.set(event.pointerId, [x, y]);
    Tip.hide();
  }

  clicked(x, y) {
    this.canvas.focus({ preventScroll: true });
    if (this.options.click && this.options.click(x, y)) return;
    if (x >= this.left) View.point(this.time(x));
  }

  key(event) {
    const span = View.end - View.start;
    const actions = {
      ArrowLeft: () => View.pan(-span / 8),
      ArrowRight: () => View.pan(span / 8),
      "+": () => View.zoom(0.6),
      "=": () => View.zoom(0.6),
      "-": () => View.zoom(1 / 0.6),
      0: () => View.reset(),
      Home: () => View.reset(),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }
}

const Tip = {
  show(x, y, lines) {
    const tip = $("tip");
    tip.replaceChildren(...lines.map((line, n) => el("div", { class: n ? "" : "first" }, line)));
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 14, window.innerWidth - box.width - 6))}px`;
    tip.style.top = `${y + 18 + box.height > window.innerHeight ? y - box.height - 12 : y + 18}px`;
  },
  hide() {
    $("tip").hidden = true;
  },
};

const Bands = {
  list: [],
  rows: 0,
  begin(bands) {
    const ends = [];
    for (const band of bands) {
      let row = ends.findIndex((end) => end <= band.since);
      if (row < 0) row = Math.min(ends.length, 3);
      ends[row] = Math.max(ends[row] || 0, band.until, band.since + View.longest / 12);
      this.list.push({ ...band, row });
    }
    this.rows = Math.min(4, ends.length);
  },
  // The bands behind everything; a band that is not confirmed is hatched.
  draw(context, panel) {
    for (const band of this.list) {
      const left = panel.x(band.since);
      const width = Math.max(2, panel.x(band.until) - left);
      if (left > panel.width || left + width < panel.left) continue;
      const colour = bandColour(band.family);
      context.fillStyle = colour;
      context.globalAlpha = 0.13;
      context.fillRect(left, panel.top, width, panel.bottom - panel.top);
      context.globalAlpha = 0.85;
      context.fillRect(left, TOP + band.row * STRIP, width, STRIP - 2);
      context.globalAlpha = 1;
      if (band.proof !== "confirmed") hatch(context, left, panel.top, width, panel.bottom - panel.top, colour);
      const room = Math.min(width, panel.width - Math.max(left, panel.left));
      if (room > 24) {
        context.save();
        context.beginPath();
        context.rect(Math.max(left, panel.left), TOP + band.row * STRIP, room - 2, STRIP);
        context.clip();
        context.fillStyle = Theme.get("on-band");
        context.textAlign = "left";
        const mark = { confirmed: "", "not confirmed": "? ", "nothing to hit": "- ", failed: "! " }[band.proof];
        context.fillText(mark + band.name, Math.max(left, panel.left) + 4, TOP + band.row * STRIP + STRIP / 2);
        context.restore();
      }
    }
  },
  at(panel, x, y) {
    if (y > panel.top) return null;
    const time = panel.time(x);
    const row = Math.floor((y - TOP) / STRIP);
    const slack = (View.end - View.start) / 400;
    const band = this.list.find((b) => b.row === row && b.since - slack <= time && time <= b.until + slack);
    if (!band) return null;
    const span = `${seconds(band.since)} to ${band.open ? "the end" : seconds(band.until)}`;
    return [band.name, span, band.sentence];
  },
};

function hatch(context, x, y, width, height, colour) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = 0.28;
  context.beginPath();
  const from = Math.max(0, x - height);
  for (let at = from - (from % 9); at < Math.min(x + width, 5000); at += 9) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}

// Names of lanes at the left, on a plate so that they can be read over what is drawn.
function laneName(context, panel, text, y, look = "text") {
  context.textAlign = "left";
  context.fillStyle = Theme.get(look);
  const room = panel.left - 6;
  let shown = text;
  // What tells hosts of one sort apart is at the end.
  for (let keep = text.length - 5; keep > 1 && context.measureText(shown).width > room; keep--) shown = `${text.slice(0, keep)}..${text.slice(-3)}`;
  context.fillText(shown, 2, y);
}
