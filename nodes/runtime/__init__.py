"""Two container runtimes behind `nodes.kubelet.runtime.Runtime`: `simulated` (a table, on the host's loop, both worlds)
and `process` (real processes: `link` to their parent, `folders`, `logfile`, `reach` for probes, `images` and `programs`
for what stands in for an image)."""
