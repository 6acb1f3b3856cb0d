// The machines in a ring, the links that are cut, and the messages that are on their way at the cursor's moment.
// Must not decide what the state is (state.js).

const Network = {
  MOST: 500,

  begin(messages, head) {
    this.m = messages;
    this.head = head;
    this.canvas = $("network-canvas");
    this.context = this.canvas.getContext("2d");
    this.trail = 0;
    new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement);
    this.machineOf = head.hostNames.map((name) => State.machineOf.get(name) || name);
  },

  resize() {
    const width = Math.floor(this.canvas.parentElement.clientWidth);
    if (!width) return;
    this.width = Math.min(width, 560);
    this.height = Math.min(this.width, 400);
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.canvas.width = this.width * ratio;
    this.canvas.height = this.height * ratio;
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${this.height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  },

  places() {
    const places = new Map();
    const machines = State.machines.filter((m) => m.hosts.some((h) => h.life.length || h.member)).concat(
      State.machines.filter((m) => !m.hosts.some((h) => h.life.length || h.member)));
    const count = machines.length;
    machines.forEach((machine, n) => {
      const angle = (2 * Math.PI * n) / count - Math.PI / 2;
      places.set(machine.name, [this.width / 2 + Math.cos(angle) * (this.width / 2 - 62), this.height / 2 + Math.sin(angle) * (this.height / 2 - 44), machine]);
    });
    return places;
  },

  draw() {
    if (!this.width) return;
    const context = this.context;
    const time = View.cursor;
    context.clearRect(0, 0, this.width, this.height);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.textAlign = "center";
    const places = this.places();
    this.links(context, places, State.cuts(time));
    this.flying(context, places, time);
    for (const [x, y, machine] of places.values()) this.machine(context, x, y, machine, time);
  },

  links(context, places, cuts) {
    const names = [...places.keys()];
    names.forEach((a, n) => {
      for (const b of names.slice(n + 1)) {
        const cut = State.severed(a, b, cuts);
        const [x1, y1] = places.get(a);
        const [x2, y2] = places.get(b);
        context.strokeStyle = Theme.get(cut ? "fail" : "line");
        context.lineWidth = cut ? 1.6 : 1;
        context.setLineDash(cut ? [5, 5] : []);
        context.beginPath();
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
        context.stroke();
      }
    });
    context.setLineDash([]);
  },

  // Messages on their way; while it plays, also those of the time between two pictures.
  flying(context, places, time) {
    const { m } = this;
    const at = time * 1e6;
    const from = at - Math.max(this.trail * 1e6, 0);
    let shown = 0;
    const end = lowerBound(m.sent, at + 1);
    for (let i = end - 1; i >= 0 && shown < this.MOST && m.sent[i] > from - 2e6; i--) {
      if (m.took[i] < 0 || m.sent[i] + m.took[i] < from) continue;
      const start = places.get(this.machineOf[m.src[i]]);
      const stop = places.get(this.machineOf[m.dst[i]]);
      if (!start || !stop || start === stop) continue;
      shown++;
      const share = m.took[i] ? Math.max(0, Math.min(1, (at - m.sent[i]) / m.took[i])) : 1;
      const lost = m.fate[i];
      const reach = lost ? Math.min(share, 0.5) : share;
      const x = start[0] + (stop[0] - start[0]) * reach;
      const y = start[1] + (stop[1] - start[1]) * reach;
      context.fillStyle = context.strokeStyle = SpaceTime.colour(i);
      if (share >= 1) {
        context.globalAlpha = 0.35;
        context.beginPath();
        context.moveTo(start[0], start[1]);
        context.lineTo(x, y);
        context.stroke();
        context.globalAlpha = 1;
      }
      context.beginPath();
      context.arc(x, y, lost ? 4 : 3.2, 0, 7);
      context.fill();
    }
    this.shown = shown;
  },

  machine(context, x, y, machine, time) {
    const known = machine.hosts.filter((host) => host.life.length || host.member);
    const states = known.map((host) => State.life(host, time));
    const off = known.length && states.every((state) => state === "down");
    const member = machine.hosts.find((host) => host.member);
    const role = member ? Raft.roleAt(member, time) : "";
    const half = 46;
    context.fillStyle = Theme.get(off ? "down" : "card");
    context.strokeStyle = role === "leader" && !off ? Theme.get("leader") : Theme.get("line");
    context.lineWidth = role === "leader" ? 3 : 1.2;
    context.beginPath();
    context.roundRect(x - half, y - 26, half * 2, 52, 8);
    context.fill();
    context.stroke();
    context.fillStyle = Theme.get("text");
    context.fillText(machine.name, x, y - 14);
    context.fillStyle = Theme.get("muted");
    context.fillText(off ? "off" : role ? role : known.length ? "" : "clients", x, y + 1);
    known.forEach((host, n) => {
      const state = State.life(host, time);
      context.fillStyle = Theme.get({ up: "ok", down: "fail", paused: "unknown" }[state]);
      context.beginPath();
      context.arc(x + (n - (known.length - 1) / 2) * 12, y + 16, 4, 0, 7);
      context.fill();
    });
  },
};
