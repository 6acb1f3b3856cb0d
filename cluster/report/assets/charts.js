// Latency percentiles and rates over time, drawn by uPlot, in the same window of time and under the same bands.
// Must not compute percentiles: the page brings them.

const Charts = {
  plots: [],
  busy: false,

  begin(series) {
    const place = $("latency-plot");
    if (!place || !series.times.length || typeof uPlot === "undefined") return;
    this.series = series;
    this.build();
    View.followers.push(() => this.follow());
    new ResizeObserver(() => this.resize()).observe(place);
  },

  build() {
    for (const plot of this.plots) plot.destroy();
    const { times, latency, rates } = this.series;
    const floor = (values) => values.map((value) => (value === null ? null : Math.max(value, 1e-5)));
    const looks = [["p50", "c1"], ["p95", "c3"], ["p99", "c4"], ["max", "muted"]];
    const scale = { y: { distr: 3 }, x: { time: false } };
    this.plots = [
      this.plot($("latency-plot"), [times, ...looks.map(([name]) => floor(latency[name]))], scale, lasting, looks.map(
        ([label, colour]) => ({ label, stroke: Theme.get(colour), width: label === "p50" ? 2 : 1.4, spanGaps: false, value: (_, v) => (v == null ? "-" : lasting(v)) }),
      )),
      this.plot($("rate-plot"), [times, rates.ok, rates.fail, rates.unknown], { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(high, 1) * 1.1] } }, (value) => `${value}/s`, [
        ["answered", "ok"], ["failed", "fail"], ["unknown", "unknown"],
      ].map(([label, colour]) => ({ label, stroke: Theme.get(colour), width: 1.8, paths: uPlot.paths.stepped({ align: 0 }), value: (_, v) => (v == null ? "-" : `${v.toFixed(1)}/s`) }))),
    ];
    this.follow();
  },

  plot(place, data, scales, told, lines) {
    const tens = (_, ticks) => ticks.map((tick) => (Math.abs(Math.log10(tick) % 1) < 1e-6 ? tick : null));
    const axis = { stroke: Theme.get("muted"), grid: { stroke: Theme.get("grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    return new uPlot({
      width: place.clientWidth,
      height: 220,
      scales,
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 }, sync: { key: "capstan" } },
      legend: { live: true },
      axes: [
        { ...axis, size: 32, space: 90, values: (_, ticks) => ticks.map((tick) => seconds(tick, (View.end - View.start) / 2)) },
        { ...axis, size: 62, ...(scales.y.distr === 3 ? { filter: tens, grid: { ...axis.grid, filter: tens } } : {}), values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : told(tick))) },
      ],
      series: [{ label: "time", value: (_, v) => (v == null ? "-" : seconds(v)) }, ...lines],
      hooks: {
        drawClear: [(plot) => this.bands(plot)],
        draw: [(plot) => this.cursor(plot)],
        setSelect: [(plot) => {
          if (plot.select.width < 8) return;
          View.set(plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"));
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        }],
      },
    }, data, place);
  },

  bands(plot) {
    const context = plot.ctx;
    const { left, top, width, height } = plot.bbox;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    for (const band of Bands.list) {
      const from = plot.valToPos(band.since, "x", true);
      const to = Math.max(from + 2, plot.valToPos(band.until, "x", true));
      if (to < left || from > left + width) continue;
      context.fillStyle = bandColour(band.family);
      context.globalAlpha = 0.14;
      context.fillRect(from, top, to - from, height);
      context.globalAlpha = 1;
      if (band.proof !== "confirmed") hatch(context, from, top, to - from, height, bandColour(band.family));
    }
    context.restore();
  },

  cursor(plot) {
    const x = plot.valToPos(View.cursor, "x", true);
    const { left, top, width, height } = plot.bbox;
    if (x < left || x > left + width) return;
    plot.ctx.fillStyle = Theme.get("accent");
    plot.ctx.fillRect(x - 1, top, 2, height);
  },

  follow() {
    for (const plot of this.plots) plot.batch(() => plot.setScale("x", { min: View.start, max: View.end }));
  },

  resize() {
    for (const plot of this.plots) {
      const width = plot.root.parentElement.clientWidth;
      if (width && width !== plot.width) plot.setSize({ width, height: 220 });
    }
  },
};
