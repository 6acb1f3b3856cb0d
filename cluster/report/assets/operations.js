// The timeline of operations: a lane for each client, a bar for each operation, coloured by how it ended.
// Must not judge.

const Operations = {
  lane: 20,
  begin(table, names) {
    this.table = table;
    this.names = names;
    const canvas = $("operations-canvas");
    if (!table.rows) return;
    const count = names.clients.length;
    this.lane = count > 40 ? 8 : count > 16 ? 14 : 20;
    this.longest = 0;
    this.next = new Float64Array(table.rows);
    const following = new Float64Array(count).fill(View.longest * 1e6);
    for (let i = table.rows - 1; i >= 0; i--) {
      this.next[i] = following[table.client[i]];
      following[table.client[i]] = table.start[i];
      this.longest = Math.max(this.longest, this.until(i) - table.start[i]);
    }
    this.panel = new Panel(canvas, {
      height: () => TOP + STRIP * Bands.rows + count * this.lane + AXIS + 8,
      left: (width) => (width < 600 ? 62 : 96),
      draw: (context, panel) => this.draw(context, panel),
      hit: (x, y) => Bands.at(this.panel, x, y) || this.tell(this.find(x, y)),
      click: (x, y) => this.choose(this.find(x, y)),
    });
  },

  // Microseconds at which its bar ends: of an open one, where its client went on.
  until(i) {
    const table = this.table;
    return table.took[i] >= 0 ? table.start[i] + table.took[i] : this.next[i];
  },

  range() {
    const start = View.start * 1e6;
    return [lowerBound(this.table.start, start - this.longest), lowerBound(this.table.start, View.end * 1e6)];
  },

  draw(context, panel) {
    const { table, names, lane } = this;
    const [low, high] = this.range();
    const last = new Int32Array(names.clients.length).fill(-9);
    const worst = new Int8Array(names.clients.length);
    context.save();
    context.beginPath();
    context.rect(panel.left, 0, panel.width - panel.left, panel.height);
    context.clip();
    for (let i = low; i < high; i++) {
      const left = Math.round(panel.x(table.start[i] / 1e6));
      const right = panel.x(this.until(i) / 1e6);
      if (right < panel.left) continue;
      const client = table.client[i];
      const outcome = table.outcome[i];
      // Of many operations in one pixel the worst is seen.
      if (right - left < 2 && left === last[client] && outcome <= worst[client]) continue;
      last[client] = left;
      worst[client] = outcome;
      this.bar(context, panel, i, left, Math.max(1.5, right - left - 0.5), outcome);
    }
    context.restore();
    if (lane >= 12) names.clients.forEach((name, n) => laneName(context, panel, name, this.y(panel, n) + lane / 2));
  },

  y(panel, client) {
    return panel.top + 4 + client * this.lane;
  },

  bar(context, panel, i, left, width, outcome) {
    const { table, lane } = this;
    const y = this.y(panel, table.client[i]) + 1.5;
    const height = lane - 3;
    context.fillStyle = outcomeColour(outcome);
    if (outcome === 2) {
      context.globalAlpha = 0.3;
      context.fillRect(left, y, width, height);
      context.globalAlpha = 1;
      context.fillRect(left, y, Math.min(width, 2.5), height);
    } else context.fillRect(left, y, width, height);
    if (width > 34 && lane >= 14) {
      const text = this.short(i);
      if (context.measureText(text).width < width - 6) {
        context.fillStyle = outcome === 2 ? Theme.get("text") : Theme.get("on-band");
        context.textAlign = "left";
        context.fillText(text, Math.max(left, panel.left) + 4, y + height / 2 + 0.5);
      }
    }
    if (i === this.chosen) {
      context.strokeStyle = Theme.get("accent");
      context.lineWidth = 2;
      context.strokeRect(left - 1, y - 1, width + 2, height + 2);
    }
  },

  short(i) {
    const { table, names } = this;
    const kind = names.kinds[table.kind[i]];
    const key = names.keys[table.key[i]];
    const value = names.texts[table.value[i]];
    const result = names.texts[table.result[i]];
    return kind === "read" ? `${key} = ${result || "nothing"}` : kind === "write" ? `${key} := ${value}` : `${kind} ${key}`;
  },

  find(x, y) {
    const { table, names } = this;
    const client = Math.floor((y - this.panel.top - 4) / this.lane);
    if (client < 0 || client >= names.clients.length) return -1;
    const time = this.panel.time(x) * 1e6;
    const slack = ((View.end - View.start) * 2e6) / this.panel.width;
    const [low, high] = this.range();
    let best = -1;
    for (let i = low; i < high; i++) {
      if (table.client[i] !== client) continue;
      if (table.start[i] - slack <= time && time <= this.until(i) + slack) {
        if (best < 0 || table.outcome[i] >= table.outcome[best]) best = i;
      }
    }
    return best;
  },

  tell(i) {
    if (i < 0) return null;
    const { table, names } = this;
    const start = table.start[i] / 1e6;
    const kind = names.kinds[table.kind[i]];
    const mode = names.modes[table.mode[i]];
    const outcome = ["answered", "failed for certain", "outcome unknown"][table.outcome[i]];
    const took = table.took[i] >= 0 ? `after ${lasting(table.took[i] / 1e6)}` : "";
    const value = names.texts[table.value[i]];
    const result = names.texts[table.result[i]];
    const error = names.texts[table.error[i]];
    const site = names.sites[table.site[i]];
    return [
      `${mode ? `${mode} ` : ""}${kind} of ${names.keys[table.key[i]]}${value ? ` : ${value}` : ""}`,
      `${outcome} ${took}${error ? `: ${error}` : ""}`,
      result || (kind === "read" && !table.outcome[i]) ? `result: ${result || "nothing"}` : "",
      `${names.clients[table.client[i]]} (process ${table.process[i]})${site ? ` at ${site}` : ""}, called at ${seconds(start, 0.01)}`,
    ].filter(Boolean);
  },

  choose(i) {
    if (i < 0) return false;
    this.chosen = i;
    const { table, names } = this;
    const box = $("operations-chosen");
    const [first, ...rest] = this.tell(i);
    box.replaceChildren(el("strong", {}, first), ...rest.map((line) => el("div", {}, line)));
    const chain = Causes.ofOperation(names.clients[table.client[i]], table.start[i], this.until(i));
    if (chain.steps.length) {
      box.append(el("button", {
        type: "button",
        onclick: () => SpaceTime.showChain(chain, `${first}, by ${names.clients[table.client[i]]}`, true),
      }, "Show its messages in the space-time diagram"));
    }
    box.hidden = false;
    View.touch();
    return true;
  },
};
