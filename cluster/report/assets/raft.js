// The store's members over time: role, term, last and committed index; and who held the offices that are elected by Lease.
// Must not know messages.

const Raft = {
  lane: 46,
  small: 18,

  begin(head) {
    this.members = head.hosts.filter((host) => host.member);
    this.terms = head.terms;
    this.roles = this.members.some((member) => member.roles.length);
    this.offices = this.collect(head.hosts);
    this.highest = 1;
    for (const member of this.members) for (const entry of member.logs) this.highest = Math.max(this.highest, entry[2]);
    if (!this.members.length) return;
    this.panel = new Panel($("raft-canvas"), {
      height: () => TOP + STRIP * Bands.rows + 16 + this.members.length * this.lane + this.offices.length * this.small + AXIS + 6,
      left: (width) => (width < 600 ? 62 : 96),
      draw: (context, panel) => this.draw(context, panel),
      hit: (x, y) => Bands.at(this.panel, x, y) || this.tell(x, y),
    });
  },

  // Who leads by each Lease: [name, [[time, host]...]].
  collect(hosts) {
    const found = new Map();
    for (const host of hosts) {
      for (const [time, name, role] of host.offices) {
        if (!found.has(name)) found.set(name, []);
        found.get(name).push([time, host.name, role === "leader"]);
      }
      for (const [time, state] of host.life) {
        if (state === "down" && host.offices.length) for (const list of found.values()) list.push([time, host.name, false]);
      }
    }
    return [...found].map(([name, changes]) => [name, changes.sort((a, b) => a[0] - b[0])]).sort();
  },

  roleAt(member, time) {
    const life = lastBefore(member.life, time);
    if (life && life[1] === "down") return "down";
    if (!this.roles) return "up"; // an engine without leaders
    const role = lastBefore(member.roles, time);
    if (!role || (life && role[0] < life[0] && life[1] === "up" && this.rebooted(member, life[0]))) return "starting";
    return role[2];
  },

  rebooted(member, time) {
    return member.life.some(([at, state]) => at < time && state === "down");
  },

  colour(role) {
    return { leader: Theme.get("leader"), candidate: Theme.get("candidate"), "pre-candidate": Theme.get("candidate"), down: Theme.get("down") }[role] || Theme.get("follower");
  },

  draw(context, panel) {
    const base = panel.top + 16;
    context.save();
    context.beginPath();
    context.rect(panel.left, 0, panel.width - panel.left, panel.height);
    context.clip();
    this.members.forEach((member, n) => this.member(context, panel, member, base + n * this.lane));
    const below = base + this.members.length * this.lane;
    this.offices.forEach(([, changes], n) => this.office(context, panel, changes, below + n * this.small));
    this.boundaries(context, panel, base, below);
    context.restore();
    this.members.forEach((member, n) => laneName(context, panel, member.name, base + n * this.lane + this.lane / 2 - 2));
    this.offices.forEach(([name], n) => laneName(context, panel, name.replace(/^kube-/, ""), below + n * this.small + 9, "muted"));
  },

  member(context, panel, member, y) {
    const height = this.lane - 5;
    const changes = [0, ...member.life.map((e) => e[0]), ...member.roles.map((e) => e[0])].filter((t) => t <= View.end).sort((a, b) => a - b);
    for (let i = 0; i < changes.length; i++) {
      const until = i + 1 < changes.length ? changes[i + 1] : View.longest;
      if (until < View.start || until === changes[i]) continue;
      const left = panel.x(changes[i]);
      const width = Math.max(1, panel.x(until) - left);
      const role = this.roleAt(member, changes[i]);
      context.fillStyle = this.colour(role);
      context.globalAlpha = role === "pre-candidate" || role === "starting" ? 0.45 : 0.9;
      context.fillRect(left, y, width, height);
      context.globalAlpha = 1;
      const life = lastBefore(member.life, changes[i]);
      if (role === "down" || (life && life[1] === "paused")) hatch(context, Math.max(left, panel.left), y, Math.min(width, panel.width), height, Theme.get("text"));
      const at = Math.max(left, panel.left);
      const text = life && life[1] === "paused" ? `${role}, paused` : role;
      if (left + width - at > context.measureText(text).width + 10) {
        context.fillStyle = Theme.get("on-lane");
        context.textAlign = "left";
        context.fillText(text, at + 5, y + 9);
      }
    }
    this.line(context, panel, member.logs, y, height, 2, Theme.get("on-lane"), [2, 2]);
    this.line(context, panel, member.logs, y, height, 3, Theme.get("on-lane"), []);
  },

  // One index of the log over time, as steps; the lane's bottom is 0, its top the highest index of all.
  line(context, panel, logs, y, height, field, colour, dash) {
    if (!logs.length) return;
    context.strokeStyle = colour;
    context.lineWidth = 1.3;
    context.setLineDash(dash);
    context.beginPath();
    let first = Math.max(0, upperBound(logs, View.start, (entry) => entry[0]) - 1);
    let before = null;
    for (; first < logs.length && (before === null || logs[first][0] <= View.end); first++) {
      const x = panel.x(logs[first][0]);
      const at = y + height - 2 - (logs[first][field] / this.highest) * (height - 4);
      if (before === null) context.moveTo(x, at);
      else {
        context.lineTo(x, before);
        context.lineTo(x, at);
      }
      before = at;
    }
    context.lineTo(Math.min(panel.width, panel.x(View.longest)), before);
    context.stroke();
    context.setLineDash([]);
  },

  office(context, panel, changes, y) {
    changes.forEach(([time, host, leads], n) => {
      if (!leads) return;
      const end = changes.slice(n + 1).find((change) => change[1] === host || change[2]);
      const left = panel.x(time);
      const width = Math.max(1, panel.x(end ? end[0] : View.longest) - left);
      context.fillStyle = Theme.get("leader");
      context.globalAlpha = 0.55;
      context.fillRect(left, y + 2, width, this.small - 5);
      context.globalAlpha = 1;
      if (width > context.measureText(host).width + 8) {
        context.fillStyle = Theme.get("text");
        context.textAlign = "left";
        context.fillText(host, Math.max(left, panel.left) + 4, y + this.small / 2);
      }
    });
  },

  boundaries(context, panel, top, bottom) {
    context.strokeStyle = Theme.get("text");
    context.fillStyle = Theme.get("muted");
    context.textAlign = "left";
    let free = -1;
    for (const [term, time] of this.terms) {
      const x = panel.x(time);
      if (x < panel.left || x > panel.width) continue;
      context.globalAlpha = 0.35;
      context.beginPath();
      context.moveTo(x, top - 12);
      context.lineTo(x, bottom);
      context.stroke();
      context.globalAlpha = 1;
      if (x > free) {
        context.fillText(`term ${term}`, x + 3, top - 8);
        free = x + context.measureText(`term ${term}`).width + 10;
      }
    }
  },

  tell(x, y) {
    const n = Math.floor((y - this.panel.top - 16) / this.lane);
    const member = this.members[n];
    if (!member || x < this.panel.left) return null;
    return this.words(member, this.panel.time(x));
  },

  words(member, time) {
    const role = lastBefore(member.roles, time);
    const log = lastBefore(member.logs, time);
    const life = lastBefore(member.life, time);
    return [
      `${member.name} at ${seconds(time)}: ${this.roleAt(member, time)}${life && life[1] === "paused" ? ", paused" : ""}`,
      role ? `term ${role[1]}, ${role[3] ? `thinks that ${role[3]} leads` : "knows no leader"}` : this.roles ? "no role told yet" : "",
      log ? `last ${log[2]}, commit ${log[3]}, applied ${log[4]}, snapshot ${log[5]}` : "",
    ].filter(Boolean);
  },
};
