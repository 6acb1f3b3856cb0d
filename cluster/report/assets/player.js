// The slider through the recorded run: play, pause, speed, step to the next turn of events; and the state in words.
// Must not compute the state (state.js).

const Player = {
  playing: false,
  speed: 1,
  told: "",

  begin() {
    this.slider = $("player-slider");
    this.slider.addEventListener("input", () => {
      View.point((this.slider.value / this.slider.max) * View.longest);
      View.show(View.cursor);
    });
    $("player-play").addEventListener("click", () => this.toggle());
    $("player-next").addEventListener("click", () => this.turn(1));
    $("player-back").addEventListener("click", () => this.turn(-1));
    $("player-speed").addEventListener("change", (event) => (this.speed = Number(event.target.value)));
    document.addEventListener("keydown", (event) => {
      if (/^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === " " && event.target.tagName !== "SUMMARY") {
        event.preventDefault();
        this.toggle();
      } else if (event.key === "n") this.turn(1);
      else if (event.key === "p") this.turn(-1);
    });
    View.followers.push(() => this.show());
  },

  toggle() {
    this.playing = !this.playing;
    $("player-play").textContent = this.playing ? "Pause" : "Play";
    if (!this.playing) {
      Network.trail = 0;
      return;
    }
    if (View.cursor >= View.longest) View.point(0);
    let before = performance.now();
    const frame = (now) => {
      if (!this.playing) return;
      const step = ((now - before) / 1000) * this.speed;
      before = now;
      Network.trail = step;
      View.point(View.cursor + step);
      if (View.cursor > View.end || View.cursor < View.start) View.pan(View.cursor - View.start - (View.end - View.start) * 0.1);
      if (View.cursor >= View.longest) this.toggle();
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  },

  // To the next or the last turn of events: a strike, an election, a host that ends, a node that is found lost.
  turn(direction) {
    const turns = State.turns;
    const slack = View.longest * 1e-7;
    const found = direction > 0 ? turns.find(([time]) => time > View.cursor + slack) : turns.findLast(([time]) => time < View.cursor - slack);
    if (!found) return;
    View.point(found[0]);
    View.show(found[0]);
    $("player-turn").textContent = found[1];
  },

  show() {
    const time = View.cursor;
    if (document.activeElement !== this.slider || this.playing) this.slider.value = Math.round((time / View.longest) * this.slider.max);
    $("player-time").textContent = seconds(time, Math.min(View.end - View.start, 4));
    this.slider.setAttribute("aria-valuetext", seconds(time));
    const now = performance.now();
    if (this.playing && now - (this.last || 0) < 90) {
      Network.draw();
      return;
    }
    this.last = now;
    Network.draw();
    this.members(time);
    this.nodes(time);
    this.sayings(time);
  },

  members(time) {
    const members = State.members(time);
    // Bars begin a little before the index that the slowest has applied, so that one sees who is behind.
    const known = members.filter((m) => m.last !== null);
    const highest = Math.max(1, ...known.map((m) => m.last));
    const lowest = Math.min(highest, ...known.map((m) => m.applied));
    const base = Math.max(0, Math.floor(lowest - Math.max(4, highest - lowest)));
    $("state-members").replaceChildren(...members.map((m) => el("div", { class: `member ${m.role} ${m.life}` },
      el("div", { class: "head" }, el("strong", {}, m.name), el("span", { class: "pill" }, m.life === "paused" ? `${m.role}, paused` : m.role)),
      el("div", { class: "small" }, m.life === "down" ? "down" : !Raft.roles ? "no leader, no terms: every replica answers for itself" : `term ${m.term}, ${m.leader ? `believes in ${m.leader}` : "knows no leader"}`),
      m.last === null ? (Raft.roles ? el("div", { class: "small" }, "its log is not in the journal") : "") : this.log(m, base, highest))));
  },

  log(m, base, highest) {
    const bar = (value, look) => el("span", { class: look, style: `width:${(100 * Math.max(0, value - base)) / (highest - base || 1)}%` });
    return el("div", {},
      el("div", { class: "log", title: `snapshot ${m.snapshot}, applied ${m.applied}, commit ${m.commit}, last ${m.last}` },
        bar(m.last, "last"), bar(m.commit, "commit"), bar(m.applied, "applied")),
      el("div", { class: "small" }, `last ${m.last}, commit ${m.commit}, applied ${m.applied}${m.snapshot ? `, snapshot to ${m.snapshot}` : ""}`));
  },

  nodes(time) {
    const nodes = State.nodesAt(time);
    $("state-nodes").hidden = !State.nodes.length;
    const rows = nodes.map((node) => {
      const agree = (node.ready === "True") === (node.really === "up" || node.really === "partly cut off");
      const pods = node.pods.map((pod) => el("span", { class: `pod ${pod.leaving ? "leaving" : pod.ready ? "ready" : "waiting"}`, title: `${pod.phase}${pod.leaving ? ", terminating" : ""}` }, pod.key.split("/").pop()));
      const containers = node.containers === null ? "not recorded" : node.containers.length ? node.containers.map((name) => el("span", { class: "pod real" }, name.split("/").pop())) : "none";
      return el("tr", {},
        el("th", {}, node.name),
        el("td", { class: node.ready === "True" ? "good" : "bad", "data-label": "the API says" }, `Ready=${node.ready}`, node.taints.length ? el("div", { class: "small" }, node.taints.join(" ")) : ""),
        el("td", { class: node.really === "up" ? "good" : "bad", "data-label": "really" }, node.really, agree ? "" : el("div", { class: "small" }, "not what the API says")),
        el("td", { "data-label": "pods" }, pods.length ? pods : "none"), el("td", { "data-label": "containers" }, containers));
    });
    $("state-nodes-body").replaceChildren(...rows);
  },

  sayings(time) {
    const cuts = State.cuts(time);
    const lines = [];
    const active = Bands.list.filter((band) => band.since <= time && (time < band.until || (band.open && time <= band.until)));
    lines.push(active.length ? `In force: ${active.map((band) => band.name).join("; ")}.` : "No fault is in force.");
    const leaders = State.members(time).filter((m) => m.role === "leader");
    if (leaders.length > 1) lines.push(`${leaders.length} members think that they lead: ${leaders.map((m) => `${m.name} (term ${m.term})`).join(", ")}.`);
    for (const [name, hosts] of State.offices(time)) lines.push(`${name} is led by ${hosts.join(" and ") || "nobody"}.`);
    if (cuts.length) lines.push("Dashed links are cut.");
    const before = State.turns.filter(([at]) => at <= time).slice(-1)[0];
    if (before) lines.push(`Last: ${before[1]} (${seconds(before[0])}).`);
    const text = lines.join("\n");
    if (text === this.told) return;
    this.told = text;
    $("state-words").replaceChildren(...lines.map((line) => el("div", {}, line)));
  },
};
