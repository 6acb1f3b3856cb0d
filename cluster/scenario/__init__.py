"""A scenario: one story as a YAML file, read into frozen values that both worlds can tell.

`model` is what a scenario is made of, `actions` what its timeline may do, `target` and `condition` the two small
languages in it (whom to strike, what to wait for); `reader` makes a `Scenario` of a file and says file, line, field and
remedy of whatever is wrong; `chaosmesh` and `chaostoolkit` read (and write) what others have. Everything here is pure.
Running one is `cluster.experiments`.
"""
