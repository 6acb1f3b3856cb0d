// Which messages made a write happen, and which carried the news of it: by happened-before over the recorded messages.
// Must not draw.
//
// A message is on the way from A to B if it was sent after A was known at its sender, and came before B was done at its
// receiver. The journal does not say what is in a message, so what lies on such a way may have caused B; kinds narrow it.

const Causes = {
  MOST: 400,
  WINDOW: 3e6,
  CHANGES: /^store\.(?!range|status|hash|watch|revision|compact|members|snapshot)/,

  begin(messages, head) {
    this.m = messages;
    this.head = head;
    this.hosts = new Map(head.hostNames.map((name, n) => [name, n]));
    this.kinds = head.kinds;
    this.members = new Set(head.hosts.filter((host) => host.member).map((host) => this.hosts.get(host.name)));
    this.byId = null;
  },

  // Message by sender, boot and id; and the answers to each request.
  index() {
    if (this.byId) return;
    const m = this.m;
    this.byId = new Map();
    this.answers = new Map();
    for (let i = 0; i < m.rows; i++) {
      if (!(m.flags[i] & 1)) this.byId.set(this.name(m.src[i], m.boot[i], m.id[i]), i);
    }
    for (let i = 0; i < m.rows; i++) {
      if (!m.corr[i] || !this.kinds[m.kind[i]].endsWith(".reply")) continue;
      const asked = this.asked(i);
      if (asked >= 0) {
        if (!this.answers.has(asked)) this.answers.set(asked, []);
        this.answers.get(asked).push(i);
      }
    }
  },

  name: (host, boot, id) => `${host}/${boot}/${id % 2 ** 32}`,

  // The request that message `i` answers, or the stream's opening that it belongs to; -1 if it is not in the journal.
  asked(i) {
    const m = this.m;
    if (!m.corr[i]) return -1;
    for (const boot of m.toBoot[i] ? [m.toBoot[i]] : [1, 2, 3, 4, 5, 6, 7, 8]) {
      const found = this.byId.get(this.name(m.dst[i], boot, m.corr[i]));
      if (found !== undefined && m.dst[found] === m.src[i]) return found;
    }
    return -1;
  },

  arrival(i) {
    return this.m.took[i] < 0 || this.m.fate[i] ? Infinity : this.m.sent[i] + this.m.took[i];
  },

  // Rows sent from `from` to `to` (microseconds) whose kind passes.
  *between(from, to, passes) {
    const m = this.m;
    for (let i = lowerBound(m.sent, from); i < m.rows && m.sent[i] <= to; i++) if (passes(this.kinds[m.kind[i]])) yield i;
  },

  // All messages on a way from (host, from) to (host, to).
  ways(host, from, to, passes) {
    const m = this.m;
    const rows = [...this.between(from, to, passes)].filter((i) => this.arrival(i) <= to);
    const reach = new Map([[host, from]]);
    for (const i of rows) {
      if (m.sent[i] < (reach.get(m.src[i]) ?? Infinity)) continue;
      reach.set(m.dst[i], Math.min(reach.get(m.dst[i]) ?? Infinity, this.arrival(i)));
    }
    const back = new Map([[host, to]]);
    for (const i of [...rows].sort((a, b) => this.arrival(b) - this.arrival(a))) {
      if (this.arrival(i) > (back.get(m.dst[i]) ?? -Infinity)) continue;
      back.set(m.src[i], Math.max(back.get(m.src[i]) ?? -Infinity, m.sent[i]));
    }
    return rows.filter((i) => m.sent[i] >= (reach.get(m.src[i]) ?? Infinity) && this.arrival(i) <= (back.get(m.dst[i]) ?? -Infinity));
  },

  step(list, i, why) {
    if (i >= 0 && !list.some((step) => step.message === i)) list.push({ message: i, why });
  },

  // A write of an API object: [time, apiserver, kind, key, revision, verb, user, message].
  ofWrite(write) {
    this.index();
    const [time, apiserver, , , , , user, message] = write;
    const steps = [];
    const notes = [];
    const server = this.hosts.get(apiserver);
    const at = time * 1e6 + 1;
    let since = at - this.WINDOW;
    if (message) {
      const request = this.byId.get(this.name(this.hosts.get(message[0]), message[1], message[2]));
      if (request === undefined) notes.push(`the request of ${message[0]} is not in the journal`);
      else {
        this.step(steps, request, `${user || message[0]} asks the apiserver`);
        since = Math.min(this.arrival(request), at);
        for (const answer of this.answers.get(request) || []) this.step(steps, answer, "the apiserver answers");
      }
    } else notes.push("the apiserver wrote it on its own account: no request is named");
    const ask = this.storeAsk(server, since, at);
    if (ask.length) this.store(steps, notes, ask[0], ask[1]);
    else notes.push("no answer of the store lies before the write in the journal");
    this.news(steps, notes, write);
    return this.chain(steps, notes);
  },

  // The last answer of the store that reached the apiserver before `at`, with what it answers: [request, answer].
  storeAsk(server, since, at) {
    const m = this.m;
    let best = [];
    const passes = (kind) => kind.endsWith(".reply") && this.CHANGES.test(kind);
    for (const i of this.between(since - 1, at, passes)) {
      if (m.dst[i] !== server || this.arrival(i) > at) continue;
      const asked = this.asked(i);
      if (asked < 0 || m.sent[asked] < since - 1) continue;
      if (!best.length || this.arrival(i) >= this.arrival(best[1])) best = [asked, i];
    }
    return best;
  },

  store(steps, notes, ask, answer) {
    const m = this.m;
    this.step(steps, ask, "the store is asked to write it");
    const member = m.dst[ask];
    this.amongMembers(steps, notes, this.ways(member, this.arrival(ask), m.sent[answer], () => true));
    this.step(steps, answer, "the store answers: it is committed");
  },

  // Of what went between members on the way, the first of each kind on each link; the rest came later on the same way.
  amongMembers(steps, notes, ways) {
    const m = this.m;
    const told = new Set();
    let later = 0;
    for (const i of ways) {
      if (!this.members.has(m.src[i]) || !this.members.has(m.dst[i])) continue;
      const link = `${m.src[i]}>${m.dst[i]} ${m.kind[i]}`;
      if (told.has(link) || told.size >= this.MOST) later++;
      else this.step(steps, i, this.why(this.kinds[m.kind[i]]));
      told.add(link);
    }
    if (later) notes.push(`${many(later, "later message")} between the members, on the same links, also lie${later === 1 ? "s" : ""} between request and answer`);
  },

  why(kind) {
    if (/append-reply|append\.reply/.test(kind)) return "a follower has it on its disk";
    if (/append/.test(kind)) return "the leader replicates";
    if (/snapshot/.test(kind)) return "the leader sends a snapshot";
    if (/vote/.test(kind)) return "an election";
    return "between the members";
  },

  // Watches: what told each apiserver of the revision, as its journal says, and the informers that it then told.
  news(steps, notes, write) {
    const [time, writer, kind, , revision] = write;
    let untold = 0;
    for (const host of this.head.hosts) {
      // Where every replica counts for itself, a revision means something at one apiserver only.
      if (host.component !== "apiserver" || (this.head.engine === "eventual" && host.name !== writer)) continue;
      const first = host.cached.findIndex(([at, seen]) => seen >= Number(revision) && at > time - this.WINDOW / 1e6);
      if (first < 0) {
        untold++;
        continue;
      }
      const at = host.cached[first][0] * 1e6;
      const following = host.cached.slice(first + 1).find(([later]) => later * 1e6 > at + 1);
      this.tell(steps, this.hosts.get(host.name), kind.toLowerCase(), at, following ? following[0] * 1e6 : Infinity);
    }
    if (untold) notes.push(`${many(untold, "apiserver")} did not note when ${untold === 1 ? "it" : "they"} heard of it`);
  },

  // The item that told one apiserver at `at`, and what it told informers before it heard of the next write.
  tell(steps, apiserver, kind, at, until) {
    const m = this.m;
    let item = -1;
    for (const i of this.between(at - this.WINDOW, at + 1, (name) => /^store\.watch\.items?$/.test(name))) {
      if (m.dst[i] === apiserver && this.arrival(i) <= at + 1 && (item < 0 || this.arrival(i) >= this.arrival(item))) item = i;
    }
    this.step(steps, item, "the member tells the apiserver that watches it");
    const told = new Set();
    const informers = new RegExp(`^${kind}\\.watch\\.items?$`);
    for (const i of this.between(at - 1, Math.min(Math.max(until, at + 300), at + this.WINDOW), (name) => informers.test(name))) {
      if (m.src[i] !== apiserver || told.has(m.dst[i])) continue;
      told.add(m.dst[i]);
      this.step(steps, i, "the apiserver tells an informer");
    }
  },

  // What a client of the store sent and got from `start` to `end` (microseconds), and what it set in motion.
  ofOperation(client, start, end) {
    this.index();
    const host = this.hosts.get(client);
    const steps = [];
    const notes = [];
    if (host === undefined) return this.chain(steps, notes);
    const m = this.m;
    const asks = [...this.between(start - 2, end, (kind) => !/\.(reply|ping)$/.test(kind))].filter((i) => m.src[i] === host);
    for (const ask of asks.slice(0, 20)) {
      const answers = (this.answers.get(ask) || []).filter((i) => m.sent[i] <= end + 1e6);
      if (!answers.length) this.step(steps, ask, m.fate[ask] ? "asked, and lost" : "asked, and never answered");
      for (const answer of answers) {
        this.step(steps, ask, "the client asks");
        this.amongMembers(steps, notes, this.ways(m.dst[ask], this.arrival(ask), m.sent[answer], () => true));
        this.step(steps, answer, m.fate[answer] ? "the answer, lost" : "the answer");
      }
    }
    if (asks.length > 20) notes.push(`${asks.length - 20} more requests of this operation are left out`);
    return this.chain(steps, notes);
  },

  chain(steps, notes) {
    const m = this.m;
    steps.sort((a, b) => m.sent[a.message] - m.sent[b.message] || m.lamport[a.message] - m.lamport[b.message]);
    return { steps, notes, messages: new Set(steps.map((step) => step.message)) };
  },
};
