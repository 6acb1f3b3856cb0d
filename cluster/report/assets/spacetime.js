// The space-time diagram: a lane for each host, an arrow for each message; when there are too many for arrows, how many.
// Must not search for causes (causes.js).

const SpaceTime = {
  ARROWS: 5000,
  BLOCK: 512,
  chosen: -1,
  chain: null,
  filter: { kinds: "", hosts: null, lost: false, object: "" },

  begin(messages, head) {
    this.m = messages;
    this.head = head;
    this.passing = new Uint8Array(messages.rows);
    this.latest = new Float64Array(Math.ceil(messages.rows / this.BLOCK));
    for (let i = 0; i < messages.rows; i++) {
      const block = Math.floor(i / this.BLOCK);
      this.latest[block] = Math.max(this.latest[block], messages.sent[i] + Math.max(0, messages.took[i]));
    }
    const families = [...new Set(head.kinds.map((kind) => kind.split(".")[0]))];
    this.families = families;
    this.familyOf = Int32Array.from(head.kinds, (kind) => families.indexOf(kind.split(".")[0]));
    this.marks = this.collect(head);
    this.panel = new Panel($("spacetime-canvas"), {
      height: () => TOP + STRIP * Bands.rows + Math.max(1, this.lanes().length) * this.lane() + AXIS + 10,
      left: (width) => (width < 600 ? 74 : 132),
      draw: (context, panel) => this.draw(context, panel),
      hit: (x, y) => this.hit(x, y),
      click: (x, y) => this.click(x, y),
    });
    this.apply();
  },

  // Boots, crashes, elections and writes on their host's lane: [time, symbol, text, write].
  collect(head) {
    const marks = new Map(head.hosts.map((host) => [host.name, []]));
    for (const host of head.hosts) {
      const put = (time, symbol, text, write) => marks.get(host.name).push([time, symbol, text, write]);
      const words = { up: ["^", "boots or goes on"], down: ["x", "ends"], paused: ["=", "is paused"] };
      for (const [time, state] of host.life) put(time, words[state][0], `${host.name} ${words[state][1]}`);
      for (const [time, term, role] of host.roles) if (role === "leader") put(time, "*", `${host.name} leads term ${term}`);
      for (const [time, event, data] of host.notes) put(time, ".", `${host.name}: ${event} ${data}`);
    }
    for (const write of head.writes) {
      if (!marks.has(write[1])) continue;
      marks.get(write[1]).push([write[0], "o", `${write[5]} ${write[2]} ${write[3]}, revision ${write[4]}`, write]);
    }
    for (const list of marks.values()) list.sort((a, b) => a[0] - b[0]);
    return marks;
  },

  lanes() {
    const { hosts } = this.filter;
    if (!this._lanes) {
      this._lanes = this.head.hostNames.map((_, n) => n).filter((n) => !hosts || hosts.has(this.head.hostNames[n]));
      this._places = new Int32Array(this.head.hostNames.length).fill(-1);
      this._lanes.forEach((host, place) => (this._places[host] = place));
    }
    return this._lanes;
  },

  lane() {
    const count = this.lanes().length;
    return count > 40 ? 16 : count > 14 ? 26 : Math.min(54, 400 / Math.max(1, count));
  },

  // Filters again: by kind, host, loss and object.
  apply() {
    const { m, head, filter } = this;
    this._lanes = null;
    const lanes = this.lanes();
    const kind = Uint8Array.from(head.kinds, patterns(filter.kinds));
    const host = new Uint8Array(head.hostNames.length);
    for (const n of lanes) host[n] = 1;
    const only = filter.object ? Objects.messagesOf(filter.object) : null;
    for (let i = 0; i < m.rows; i++) {
      this.passing[i] = kind[m.kind[i]] && host[m.src[i]] && host[m.dst[i]] && (!filter.lost || m.fate[i]) && (!only || only.has(i)) ? 1 : 0;
    }
    this.panel.resize();
    View.touch();
  },

  // Calls back with each message that passes and is in the window of time.
  each(callback) {
    const { m, passing, latest, BLOCK } = this;
    const start = View.start * 1e6;
    const end = lowerBound(m.sent, View.end * 1e6);
    for (let block = 0; block * BLOCK < end; block++) {
      if (latest[block] < start) continue;
      const stop = Math.min(end, (block + 1) * BLOCK);
      for (let i = block * BLOCK; i < stop; i++) {
        if (passing[i] && m.sent[i] + Math.max(0, m.took[i]) >= start) callback(i);
      }
    }
  },

  y(panel, host) {
    return panel.top + 8 + (this._places[host] + 0.5) * this.lane();
  },

  draw(context, panel) {
    let count = 0;
    this.each(() => count++);
    this.arrows = count <= this.ARROWS;
    this.inView = count;
    $("spacetime-count").textContent = `${many(count, "message")} in view${this.arrows ? "" : ", drawn as density: zoom in for arrows"}`;
    context.save();
    context.beginPath();
    context.rect(panel.left, 0, panel.width - panel.left, panel.height);
    context.clip();
    this.ground(context, panel);
    context.globalAlpha = this.chain ? 0.18 : 1;
    if (this.arrows) this.drawArrows(context, panel, count);
    else this.drawDensity(context, panel);
    context.globalAlpha = 1;
    this.drawMarks(context, panel);
    if (this.chain) this.drawChain(context, panel);
    if (this.chosen >= 0) this.strong(context, panel, this.chosen, true);
    context.restore();
    for (const host of this.lanes()) laneName(context, panel, this.head.hostNames[host], this.y(panel, host));
  },

  ground(context, panel) {
    for (const n of this.lanes()) {
      const y = Math.round(this.y(panel, n));
      context.fillStyle = Theme.get("line");
      context.fillRect(panel.left, y, panel.width, 1);
      const host = this.head.hosts[n];
      (host ? host.life : []).forEach(([time, state], at) => {
        if (state === "up") return;
        const following = host.life[at + 1];
        const left = panel.x(time);
        const width = Math.max(2, panel.x(following ? following[0] : View.longest) - left);
        context.fillStyle = Theme.get(state === "down" ? "down" : "paused");
        context.globalAlpha = 0.55;
        context.fillRect(left, y - 5, width, 11);
        context.globalAlpha = 1;
      });
    }
  },

  colour(i) {
    if (this.m.fate[i]) return Theme.get("fail");
    return Theme.get(FAMILY_COLOURS[this.familyOf[this.m.kind[i]] % FAMILY_COLOURS.length]);
  },

  // From where to where message `i` is drawn: [x1, y1, x2, y2]; a lost one ends on its way.
  ends(panel, i) {
    const { m } = this;
    const x1 = panel.x(m.sent[i] / 1e6);
    const y1 = this.y(panel, m.src[i]);
    const took = m.took[i] < 0 ? Math.max(2000, (View.end - View.start) * 8e3) : m.took[i];
    let x2 = panel.x((m.sent[i] + took) / 1e6);
    let y2 = this.y(panel, m.dst[i]);
    if (m.fate[i]) {
      y2 = y1 + (y2 - y1) * 0.55;
      x2 = Math.max(x2, x1 + 3);
    }
    return [x1, y1, x2, y2];
  },

  drawArrows(context, panel, count) {
    const paths = new Map();
    const lost = [];
    const heads = count < 1500;
    const texts = [];
    this.each((i) => {
      const colour = this.colour(i);
      if (!paths.has(colour)) paths.set(colour, [new Path2D(), new Path2D()]);
      const [lines, tips] = paths.get(colour);
      const [x1, y1, x2, y2] = this.ends(panel, i);
      lines.moveTo(x1, y1);
      lines.lineTo(x2, y2);
      if (this.m.fate[i]) lost.push([x2, y2]);
      else if (heads) tip(tips, x1, y1, x2, y2);
      if (count < 70 && !this.chain) texts.push([i, (x1 + x2) / 2, (y1 + y2) / 2]);
    });
    context.lineWidth = count > 1500 ? 0.7 : 1.1;
    for (const [colour, [lines, tips]] of paths) {
      context.strokeStyle = context.fillStyle = colour;
      context.stroke(lines);
      context.fill(tips);
    }
    context.strokeStyle = Theme.get("fail");
    context.lineWidth = 1.6;
    context.beginPath();
    for (const [x, y] of lost.slice(0, 2000)) {
      context.moveTo(x - 3, y - 3);
      context.lineTo(x + 3, y + 3);
      context.moveTo(x + 3, y - 3);
      context.lineTo(x - 3, y + 3);
    }
    context.stroke();
    if (texts.length) this.labels(context, panel, texts);
  },

  labels(context, panel, texts) {
    const taken = [];
    context.globalAlpha = 1;
    context.textAlign = "center";
    for (const [i, x, y] of texts) {
      const text = this.head.kinds[this.m.kind[i]];
      const half = context.measureText(text).width / 2 + 3;
      if (x - half < panel.left || x + half > panel.width) continue;
      if (taken.some(([a, b, w]) => Math.abs(a - x) < w + half && Math.abs(b - y) < 13)) continue;
      taken.push([x, y, half]);
      context.fillStyle = Theme.get("plate");
      context.fillRect(x - half, y - 7, half * 2, 14);
      context.fillStyle = this.colour(i);
      context.fillText(text, x, y);
    }
  },

  // How many messages each host sent and got in each pixel, and how many were lost.
  drawDensity(context, panel) {
    const { m } = this;
    const width = Math.ceil(panel.width);
    const lanes = this.lanes().length;
    const count = new Uint32Array(width * lanes);
    const lost = new Uint32Array(width * lanes);
    const scale = (panel.width - panel.left) / ((View.end - View.start) * 1e6);
    const put = (grid, host, time) => {
      const x = Math.floor(panel.left + (time - View.start * 1e6) * scale);
      if (x >= panel.left && x < width) grid[this._places[host] * width + x]++;
    };
    this.each((i) => {
      put(count, m.src[i], m.sent[i]);
      if (m.fate[i]) put(lost, m.src[i], m.sent[i]);
      else if (m.took[i] >= 0) put(count, m.dst[i], m.sent[i] + m.took[i]);
    });
    this.density = { count, lost, width };
    let most = 1;
    for (const value of count) if (value > most) most = value;
    const tall = Math.min(20, this.lane() - 4);
    const levels = 12;
    for (let level = 1; level <= levels; level++) {
      context.fillStyle = Theme.get("c1");
      context.globalAlpha = (0.15 + (0.85 * level) / levels) * (this.chain ? 0.3 : 1);
      for (let lane = 0; lane < lanes; lane++) {
        const y = this.y(panel, this._lanes[lane]);
        for (let x = panel.left; x < width; x++) {
          const value = count[lane * width + x];
          if (value && Math.ceil((Math.log1p(value) / Math.log1p(most)) * levels) === level) {
            const height = Math.max(2, (tall * level) / levels);
            context.fillRect(x, y - height / 2, 1, height);
          }
        }
      }
    }
    context.globalAlpha = this.chain ? 0.3 : 1;
    context.fillStyle = Theme.get("fail");
    for (let lane = 0; lane < lanes; lane++) {
      const y = this.y(panel, this._lanes[lane]);
      for (let x = panel.left; x < width; x++) if (lost[lane * width + x]) context.fillRect(x, y + tall / 2 - 1, 1.5, 4);
    }
    context.globalAlpha = 1;
  },

  drawMarks(context, panel) {
    const colours = { "*": "leader", x: "fail", "^": "ok", "=": "unknown", o: "accent", ".": "muted" };
    for (const n of this.lanes()) {
      const list = this.marks.get(this.head.hostNames[n]) || [];
      const from = upperBound(list, View.start, (mark) => mark[0]);
      const to = upperBound(list, View.end, (mark) => mark[0]);
      const dense = to - from > 400;
      let last = -9;
      for (let at = from; at < to; at++) {
        const [time, symbol] = list[at];
        const x = panel.x(time);
        if ((dense || symbol === ".") && x - last < 4 && symbol !== "*" && symbol !== "x") continue;
        last = x;
        context.fillStyle = Theme.get(colours[symbol]);
        context.beginPath();
        context.arc(x, this.y(panel, n), symbol === "*" || symbol === "x" ? 4.5 : symbol === "." ? 2 : to - from > 60 ? 1.8 : 3.2, 0, 7);
        context.fill();
      }
    }
  },

  drawChain(context, panel) {
    const texts = [];
    for (const i of this.chain.messages) {
      this.strong(context, panel, i);
      const [x1, y1, x2, y2] = this.ends(panel, i);
      texts.push([i, (x1 + x2) / 2, (y1 + y2) / 2]);
    }
    if (texts.length < 60) this.labels(context, panel, texts);
  },

  strong(context, panel, i, chosen) {
    if (this._places[this.m.src[i]] < 0 || this._places[this.m.dst[i]] < 0) return;
    const [x1, y1, x2, y2] = this.ends(panel, i);
    context.strokeStyle = context.fillStyle = chosen ? Theme.get("accent") : this.colour(i);
    context.lineWidth = chosen ? 3 : 2;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    const tips = new Path2D();
    tip(tips, x1, y1, x2, y2);
    context.fill(tips);
  },
};

function tip(path, x1, y1, x2, y2) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length < 6) return;
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  path.moveTo(x2, y2);
  path.lineTo(x2 - 7 * ux - 3 * uy, y2 - 7 * uy + 3 * ux);
  path.lineTo(x2 - 7 * ux + 3 * uy, y2 - 7 * uy - 3 * ux);
  path.closePath();
}
