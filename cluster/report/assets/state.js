// The cluster as it was at a moment of the recorded run: who is up, who leads, who believes what, what runs where.
// Pure: reads the run's data, draws nothing.

const State = {
  begin(head) {
    this.head = head;
    this.machines = [];
    for (const host of head.hosts) {
      let machine = this.machines.find((m) => m.name === host.machine);
      if (!machine) this.machines.push((machine = { name: host.machine, hosts: [] }));
      machine.hosts.push(host);
    }
    this.machineOf = new Map(head.hosts.map((host) => [host.name, host.machine]));
    this.nodes = head.objects.filter((object) => object.kind === "Node");
    this.pods = head.objects.filter((object) => object.kind === "Pod");
    const turns = [];
    for (const band of head.bands) turns.push([band.since, `${band.name} begins`], [band.until, `${band.name} ends`]);
    for (const host of head.hosts) {
      for (const [time, term, role] of host.roles) if (role === "leader") turns.push([time, `${host.name} leads term ${term}`]);
      for (const [time, state] of host.life) if (time > 0) turns.push([time, `${host.name} is ${state}`]);
    }
    for (const node of this.nodes) {
      let before = "";
      for (const [time, , what] of node.changes) {
        const ready = what ? what.ready : "gone";
        if (ready !== before) turns.push([time, `node ${node.key}: Ready=${ready}`]);
        before = ready;
      }
    }
    for (const [time, text] of head.moments) turns.push([time, text]);
    this.turns = turns.filter(([time]) => time >= 0 && time <= View.longest).sort((a, b) => a[0] - b[0]);
  },

  life(host, time) {
    const entry = lastBefore(host.life, time);
    if (entry) return entry[1];
    return host.life.length && host.life[0][1] === "up" ? "down" : "up";
  },

  cuts(time) {
    return this.head.bands.filter((band) => band.cut && band.since <= time && (time < band.until || band.open));
  },

  // Is everything between two machines cut?
  severed(a, b, cuts) {
    for (const band of cuts) {
      const sides = [a, b].map((machine) => band.groups.findIndex((group) => this.named(group, machine)));
      if (sides[0] >= 0 && sides[1] >= 0 && sides[0] !== sides[1]) return band;
      if (!band.groups.length) {
        const inside = [a, b].map((machine) => this.named(band.targets, machine));
        if (inside[0] !== inside[1]) return band;
      }
    }
    return null;
  },

  named(group, machine) {
    return group.some((name) => name === machine || this.machineOf.get(name) === machine);
  },

  members(time) {
    return this.head.hosts.filter((host) => host.member).map((host) => {
      const log = lastBefore(host.logs, time);
      const role = lastBefore(host.roles, time);
      const life = this.life(host, time);
      return {
        name: host.name,
        machine: host.machine,
        life,
        role: life === "down" ? "down" : Raft.roleAt(host, time),
        term: role ? role[1] : 0,
        leader: role ? role[3] : "",
        last: log ? log[2] : null,
        commit: log ? log[3] : null,
        applied: log ? log[4] : null,
        snapshot: log ? log[5] : null,
      };
    });
  },

  // Each node as the API says it is, and as its machine really is.
  nodesAt(time) {
    const cuts = this.cuts(time);
    const masters = this.machines.filter((m) => m.hosts.some((host) => host.component === "apiserver"));
    return this.nodes.filter((node) => lastBefore(node.changes, time)).map((node) => {
      const said = lastBefore(node.changes, time)[2];
      const machine = this.machines.find((m) => m.name === node.key);
      const hosts = machine ? machine.hosts : [];
      const kubelet = hosts.find((host) => host.component === "kubelet");
      const reachable = masters.filter((master) => !this.severed(master.name, node.key, cuts));
      const life = kubelet ? this.life(kubelet, time) : "unknown";
      let really = life;
      if (hosts.length && hosts.every((host) => this.life(host, time) === "down")) really = "off";
      else if (life === "up" && masters.length && !reachable.length) really = "cut off";
      else if (life === "up" && reachable.length < masters.length) really = "partly cut off";
      return {
        name: node.key,
        ready: said ? said.ready : "gone",
        taints: said ? said.taints : [],
        really,
        pods: this.podsAt(time, node.key),
        containers: this.containersAt(time, node.key),
      };
    });
  },

  podsAt(time, node) {
    const found = [];
    for (const pod of this.pods) {
      const entry = lastBefore(pod.changes, time);
      if (entry && entry[2] && entry[2].node === node) found.push({ key: pod.key, ...entry[2] });
    }
    return found;
  },

  // What really runs there, as kubelets noted starts and ends; null where nobody noted any.
  containersAt(time, node) {
    if (!this.head.containers.length) return null;
    // Power takes containers too, and nobody is left to note it.
    const dark = this.head.bands.some((band) => band.action === "poweroff" && band.since <= time && time < band.until && band.targets.includes(node));
    if (dark) return [];
    const names = new Map();
    for (const pod of this.pods) for (const [, , what] of pod.changes) if (what) names.set(what.uid, pod.key);
    return this.head.containers
      .filter(([, , where, since, until]) => where === node && since <= time && (until === null || time < until))
      .map(([uid, container]) => `${names.get(uid) || uid} ${container}`);
  },

  offices(time) {
    return Raft.offices.map(([name, changes]) => {
      const leading = new Set();
      for (const [at, host, leads] of changes) if (at <= time) leads ? leading.add(host) : leading.delete(host);
      return [name, [...leading]];
    });
  },
};
