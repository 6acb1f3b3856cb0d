"""The bug zoo: planted bugs of every component, stories that bring them about, and checks that must find them.

`bugs/` plants them, `acts/` is what clients and trouble do, `stories` puts acts together, `stage` runs them in the
simulated world with the store itself as witness (`truth`), `telling` has the run judged by the checks of
`cluster.history`, `hunting` counts. `launch.py zoo` and `docs/zoo.md` are made from this.
"""
