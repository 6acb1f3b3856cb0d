// What was taken hold of in the space-time diagram, in words: a message, or the chain of messages behind a write.
// Must not draw on canvases.

Object.assign(SpaceTime, {
  hit(x, y) {
    const band = Bands.at(this.panel, x, y);
    if (band) return band;
    const mark = this.mark(x, y);
    if (mark) return [mark[2], seconds(mark[0], 0.01), mark[3] ? "click: the messages that caused it" : ""].filter(Boolean);
    if (!this.arrows) return this.crowd(x, y);
    const i = this.nearest(x, y);
    return i < 0 ? null : this.words(i);
  },

  crowd(x, y) {
    const lane = Math.floor((y - this.panel.top - 8) / this.lane());
    const host = this.lanes()[lane];
    if (host === undefined || !this.density || x < this.panel.left) return null;
    const at = lane * this.density.width + Math.floor(x);
    const lost = this.density.lost[at];
    return [`${this.head.hostNames[host]} at ${seconds(this.panel.time(x))}`, `${many(this.density.count[at], "message")} in this pixel${lost ? `, ${lost} lost` : ""}`, "click: closer"];
  },

  mark(x, y) {
    for (const n of this.lanes()) {
      if (Math.abs(this.y(this.panel, n) - y) > 7) continue;
      const list = this.marks.get(this.head.hostNames[n]) || [];
      const slack = ((View.end - View.start) / this.panel.width) * 5;
      const time = this.panel.time(x);
      const from = upperBound(list, time - slack, (mark) => mark[0]);
      const near = [];
      for (let at = from; at < list.length && list[at][0] <= time + slack; at++) near.push(list[at]);
      if (near.length) return near.find((mark) => mark[3]) || near[0];
    }
    return null;
  },

  nearest(x, y) {
    let best = -1;
    let least = 7;
    const look = (i) => {
      const [x1, y1, x2, y2] = this.ends(this.panel, i);
      const length = (x2 - x1) ** 2 + (y2 - y1) ** 2 || 1;
      const share = Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length));
      const away = Math.hypot(x - x1 - share * (x2 - x1), y - y1 - share * (y2 - y1));
      if (away < least) [best, least] = [i, away];
    };
    if (this.chain) for (const i of this.chain.messages) look(i);
    if (best < 0) this.each(look);
    return best;
  },

  click(x, y) {
    const mark = this.mark(x, y);
    if (mark && mark[3]) {
      Objects.show(mark[3]);
      return true;
    }
    if (!this.arrows) {
      if (y < this.panel.top || x < this.panel.left) return false;
      View.point(this.panel.time(x));
      View.zoom(1 / 6, this.panel.time(x));
      return true;
    }
    const i = this.nearest(x, y);
    if (i < 0) {
      this.forget();
      return false;
    }
    this.choose(i);
    return true;
  },

  forget() {
    this.chosen = -1;
    this.chain = null;
    $("spacetime-chosen").hidden = true;
    View.touch();
  },

  // A message in a few lines.
  words(i) {
    const { m, head } = this;
    const lines = [`${head.kinds[m.kind[i]]}: ${head.hostNames[m.src[i]]} to ${head.hostNames[m.dst[i]]}`];
    const sent = m.flags[i] & 2 ? "its sender's line is not in the journal" : `sent at ${seconds(m.sent[i] / 1e6, 0.001)}`;
    const took = m.took[i] < 0 ? "" : m.fate[i] ? `, taken after ${lasting(m.took[i] / 1e6)}` : `, arrived after ${lasting(m.took[i] / 1e6)}`;
    lines.push(sent + took + (m.flags[i] & 1 ? ", a copy" : ""));
    if (m.fate[i]) lines.push(`lost: ${this.fate(head.fates[m.fate[i]])}`);
    lines.push(`#${m.id[i]} of boot ${m.boot[i]}, ${bytes(m.size[i])}, Lamport ${m.lamport[i]}${m.arrival[i] ? ` to ${m.arrival[i]}` : ""}`);
    return lines;
  },

  // The rule's strike, if it was one.
  fate(why) {
    const band = Bands.list.find((b) => b.rules.includes(why));
    return band ? `rule ${why}, strike "${band.name}"` : why;
  },

  choose(i) {
    Causes.index();
    this.chosen = i;
    const [first, ...rest] = this.words(i);
    const box = $("spacetime-chosen");
    const link = (other, text) =>
      el("button", { type: "button", class: "link", onclick: () => this.visit(other) }, `${text} ${this.words(other)[0]}`);
    const asked = Causes.asked(i);
    const answers = Causes.answers.get(i) || [];
    box.replaceChildren(
      el("strong", {}, first),
      ...rest.map((line) => el("div", {}, line)),
      ...(asked >= 0 ? [link(asked, "belongs to")] : []),
      ...answers.slice(0, 3).map((answer) => link(answer, "answered by")),
      el("button", { type: "button", onclick: () => this.forget() }, "Let go"),
    );
    box.hidden = false;
    View.touch();
  },

  visit(i) {
    const time = this.m.sent[i] / 1e6;
    View.show(time);
    View.point(time);
    this.choose(i);
  },

  // A chain highlighted, in view, and in words. `scroll`: the diagram comes into sight.
  showChain(chain, title, scroll) {
    const { m, head } = this;
    this.chain = chain;
    this.chosen = -1;
    const box = $("spacetime-chosen");
    const first = chain.steps.length ? m.sent[chain.steps[0].message] : 0;
    const rows = chain.steps.map(({ message, why }) => {
      const lost = m.fate[message] ? `, lost: ${this.fate(head.fates[m.fate[message]])}` : "";
      return el("li", {}, el("button", { type: "button", class: "link", onclick: () => this.visit(message) },
        el("span", { class: "when" }, `+${lasting((m.sent[message] - first) / 1e6)}`),
        ` ${head.hostNames[m.src[message]]} to ${head.hostNames[m.dst[message]]}: `, el("code", {}, head.kinds[m.kind[message]]),
        el("span", { class: "why" }, ` ${why}${lost}`)));
    });
    box.replaceChildren(
      el("strong", {}, title),
      el("div", {}, chain.steps.length ? `${many(chain.steps.length, "message")}, from ${seconds(first / 1e6, 0.001)} on:` : "No message of it is in the journal."),
      el("ol", { class: "chain" }, rows),
      ...chain.notes.map((note) => el("div", { class: "note" }, note)),
      el("button", { type: "button", onclick: () => this.forget() }, "Let go"),
    );
    box.hidden = false;
    if (chain.steps.length) {
      const ends = chain.steps.map(({ message }) => m.sent[message] + Math.max(0, m.took[message]));
      const last = ends.reduce((a, b) => Math.max(a, b), first);
      const room = Math.max((last - first) * 0.08, 200);
      View.set((first - room) / 1e6, (last + room) / 1e6);
      View.point(first / 1e6);
    }
    if (scroll) $("spacetime").scrollIntoView({ behavior: "auto", block: "start" });
    View.touch();
  },
});

// Objects of the API: their revisions, and for each the messages behind it.
const Objects = {
  MOST: 300,

  begin(head) {
    this.byName = new Map();
    for (const write of head.writes) this.entry(write[2], write[3]).writes.push(write);
    for (const object of head.objects) this.entry(object.kind, object.key).changes = object.changes;
    const names = [...this.byName.keys()].sort();
    $("object-names").replaceChildren(...names.slice(0, 4000).map((name) => el("option", { value: name })));
    $("objects").hidden = !names.length;
    $("object-pick").addEventListener("input", (event) => this.list(event.target.value));
  },

  entry(kind, key) {
    const name = `${kind} ${key}`;
    if (!this.byName.has(name)) this.byName.set(name, { writes: [], changes: [] });
    return this.byName.get(name);
  },

  // The revisions of an object, as buttons.
  list(name) {
    const box = $("object-revisions");
    const entry = this.byName.get(name);
    const filter = SpaceTime.filter.object;
    SpaceTime.filter.object = entry && $("object-only").checked ? name : "";
    if (SpaceTime.filter.object !== filter) SpaceTime.apply();
    if (!entry) {
      box.replaceChildren(name ? el("div", { class: "note" }, "no object of that name was seen") : "");
      return;
    }
    const byRevision = new Map(entry.writes.map((write) => [write[4], { write, time: write[0], what: undefined }]));
    for (const [time, revision, what] of entry.changes) {
      if (!byRevision.has(revision)) byRevision.set(revision, { write: null, time, what });
      byRevision.get(revision).what ??= what;
    }
    const rows = [...byRevision].sort((a, b) => a[1].time - b[1].time);
    box.replaceChildren(
      ...rows.slice(-this.MOST).map(([revision, row]) => this.row(name, revision, row)),
      rows.length > this.MOST ? el("div", { class: "note" }, `the first ${rows.length - this.MOST} are left out`) : "",
    );
  },

  row(name, revision, { write, time, what }) {
    const said = what === undefined ? "" : what === null ? "deleted" : typeof what === "string" ? what : this.said(what);
    const text = `${seconds(time)}  revision ${revision}  ${write ? `${write[5]} by ${write[6] || write[1]}` : "seen"}  ${said}`;
    if (!write) return el("div", { class: "revision" }, text);
    return el("button", { type: "button", class: "revision", onclick: () => this.show(write) }, text);
  },

  said(what) {
    if ("phase" in what) return `${what.phase}${what.node ? ` on ${what.node}` : ""}${what.ready ? ", ready" : ""}${what.leaving ? ", terminating" : ""}`;
    return `Ready=${what.ready}${what.off ? ", cordoned" : ""}${what.taints.length ? `, ${what.taints.join(" ")}` : ""}`;
  },

  show(write) {
    SpaceTime.showChain(Causes.ofWrite(write), `${write[2]} ${write[3]}, revision ${write[4]}: ${write[5]} at ${write[1]}`, false);
  },

  messagesOf(name) {
    const found = new Set();
    const entry = this.byName.get(name);
    for (const write of entry ? entry.writes.slice(-200) : []) for (const i of Causes.ofWrite(write).messages) found.add(i);
    return found;
  },
};
