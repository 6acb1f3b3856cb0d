// Begins: unpacks the data, builds every drawing, and connects the tools around them.

async function begin() {
  const status = $("loading");
  if (typeof DecompressionStream === "undefined") {
    status.textContent = "The drawings need a browser of 2023 or later; the words and tables below do not.";
    return;
  }
  const began = performance.now();
  const { head, tables } = await unpack($("data").textContent);
  View.begin(head.seconds);
  Bands.begin(head.bands);
  Causes.begin(tables.messages, head);
  Raft.begin(head);
  State.begin(head);
  Operations.begin(tables.operations, head.operations);
  Charts.begin(head.series);
  if (tables.messages.rows || head.hosts.length) SpaceTime.begin(tables.messages, head);
  Objects.begin(head);
  Network.begin(tables.messages, head);
  Player.begin();
  tools(head);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    Theme.forget();
    if (Charts.series) Charts.build();
    View.touch();
  });
  View.reset();
  status.hidden = true;
  $("player").hidden = false;
  window.capstan = { View, State, SpaceTime, Causes, Objects, Operations, Raft, Player, Network, Charts, head, tables, took: performance.now() - began };
  document.documentElement.dataset.ready = "yes";
}

function tools(head) {
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => (button.dataset.zoom === "0" ? View.reset() : View.zoom(Number(button.dataset.zoom), View.cursor > View.start && View.cursor < View.end ? View.cursor : undefined)));
  }
  const filter = SpaceTime.filter;
  const apply = () => SpaceTime.panel && SpaceTime.apply();
  $("filter-kinds").addEventListener("input", (event) => {
    filter.kinds = event.target.value;
    apply();
  });
  $("filter-lost").addEventListener("change", (event) => {
    filter.lost = event.target.checked;
    apply();
  });
  $("object-only").addEventListener("change", () => Objects.list($("object-pick").value));
  hosts(head, filter, apply);
  legend(head, filter, apply);
  const [from, to] = [$("filter-from"), $("filter-to")];
  const window_ = () => {
    const [start, end] = [Number(from.value), Number(to.value)];
    if (from.value !== "" && to.value !== "" && end > start) View.set(start, end);
  };
  from.addEventListener("change", window_);
  to.addEventListener("change", window_);
  View.followers.push(() => {
    const digits = Math.max(2, Math.min(6, 3 - Math.floor(Math.log10(View.end - View.start))));
    if (document.activeElement !== from) from.value = Math.max(0, View.start).toFixed(digits);
    if (document.activeElement !== to) to.value = View.end.toFixed(digits);
  });
  for (const row of document.querySelectorAll("[data-since]")) {
    row.addEventListener("click", () => {
      const [since, until] = [Number(row.dataset.since), Number(row.dataset.until)];
      const room = Math.max((until - since) * 0.25, View.longest / 200);
      View.set(since - room, until + room);
      View.point(since);
    });
  }
}

function hosts(head, filter, apply) {
  const boxes = new Map();
  const changed = () => {
    const on = head.hostNames.filter((name) => boxes.get(name).checked);
    filter.hosts = on.length === head.hostNames.length ? null : new Set(on);
    $("filter-hosts-said").textContent = filter.hosts ? `${on.length} of ${head.hostNames.length} hosts` : "all hosts";
    apply();
  };
  const all = (wanted) => {
    for (const [name, box] of boxes) box.checked = wanted(name);
    changed();
  };
  const place = $("filter-hosts");
  const components = [...new Set(head.hosts.map((host) => host.component))];
  place.append(
    el("button", { type: "button", onclick: () => all(() => true) }, "all"),
    ...components.slice(0, 12).map((component) => el("button", { type: "button", onclick: () => all((name) => (head.hosts.find((host) => host.name === name) || {}).component === component) }, `only ${component}`)),
  );
  for (const name of head.hostNames) {
    const box = el("input", { type: "checkbox", checked: true, onchange: changed });
    boxes.set(name, box);
    place.append(el("label", {}, box, ` ${name}`));
  }
  $("filter-hosts-said").textContent = "all hosts";
}

function legend(head, filter, apply) {
  if (!SpaceTime.families) return;
  $("spacetime-legend").append(...SpaceTime.families.map((family, n) => el("button", {
    type: "button",
    class: "key",
    title: `only kinds ${family}.*`,
    onclick: () => {
      const wanted = `${family}.*`;
      filter.kinds = $("filter-kinds").value = $("filter-kinds").value === wanted ? "" : wanted;
      apply();
    },
  }, el("i", { style: `background:var(--${FAMILY_COLOURS[n % FAMILY_COLOURS.length]})` }), family)));
}

begin().catch((error) => {
  $("loading").textContent = `The drawings could not be made: ${error}`;
  console.error(error);
});
