// Latency and rate of two runs over each other, drawn by uPlot. Must not compute percentiles: the page brings them.

function overlay(place, runs, longest, lines, scale, told) {
  const times = runs.map((run) => run.series.times).sort((a, b) => b.length - a.length)[0];
  const fit = (values) => times.map((_, n) => values[n] ?? null);
  const data = [times];
  const series = [{ label: "time", value: (_, v) => (v == null ? "-" : seconds(v)) }];
  runs.forEach((run, n) => {
    for (const [label, colour, read] of lines) {
      data.push(fit(read(run.series)));
      series.push({
        label: `${label}, ${n ? "second" : "first"}`, stroke: Theme.get(colour), width: 1.7, dash: n ? [6, 5] : [],
        value: (_, v) => (v == null ? "-" : told(v)),
      });
    }
  });
  const axis = { stroke: Theme.get("muted"), grid: { stroke: Theme.get("grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const tens = (_, ticks) => ticks.map((tick) => (Math.abs(Math.log10(tick) % 1) < 1e-6 ? tick : null));
  return new uPlot({
    width: place.clientWidth,
    height: 240,
    scales: { x: { time: false, range: () => [0, longest] }, y: scale },
    cursor: { drag: { x: false, y: false } },
    axes: [
      { ...axis, size: 32, space: 80, values: (_, ticks) => ticks.map((tick) => seconds(tick, longest / 2)) },
      { ...axis, size: 62, ...(scale.distr === 3 ? { filter: tens, grid: { ...axis.grid, filter: tens } } : {}), values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : told(tick))) },
    ],
    series,
    hooks: { drawClear: [(plot) => strikes(plot, runs)] },
  }, data, place);
}

function strikes(plot, runs) {
  const context = plot.ctx;
  const { left, top, width, height } = plot.bbox;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  runs.forEach((run, n) => {
    for (const band of run.bands) {
      const from = plot.valToPos(band.since, "x", true);
      const to = Math.max(from + 2, plot.valToPos(band.until, "x", true));
      context.fillStyle = context.strokeStyle = bandColour(band.family);
      context.globalAlpha = 0.09;
      context.fillRect(from, top, to - from, height);
      context.globalAlpha = 0.8;
      context.setLineDash(n ? [6, 5] : []);
      context.strokeRect(from, top + 1 + n * 3, to - from, height);
    }
  });
  context.restore();
}

async function begin() {
  if (typeof DecompressionStream === "undefined") {
    $("loading").textContent = "The plots need a browser of 2023 or later.";
    return;
  }
  const { head } = await unpack($("data").textContent);
  let plots = [];
  const build = () => {
    for (const plot of plots) plot.destroy();
    const floor = (values) => values.map((value) => (value === null ? null : Math.max(value, 1e-5)));
    plots = [
      overlay($("latency-plot"), head.runs, head.seconds, [["p50", "c1", (s) => floor(s.latency.p50)], ["p99", "c4", (s) => floor(s.latency.p99)]], { distr: 3 }, lasting),
      overlay($("rate-plot"), head.runs, head.seconds, [["answered", "ok", (s) => s.rates.ok], ["not answered", "unknown", (s) => s.rates.fail.map((v, n) => v + s.rates.unknown[n])]], { range: (_, low, high) => [0, Math.max(high, 1) * 1.1] }, (v) => `${v.toFixed(1)}/s`),
    ];
  };
  build();
  new ResizeObserver(() => {
    const width = $("latency-plot").clientWidth;
    if (plots[0].width !== width) for (const plot of plots) plot.setSize({ width, height: 240 });
  }).observe($("latency-plot"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    Theme.forget();
    build();
  });
  document.documentElement.dataset.ready = "yes";
}

begin().catch((error) => {
  $("loading").textContent = `The plots could not be made: ${error}`;
  console.error(error);
});
