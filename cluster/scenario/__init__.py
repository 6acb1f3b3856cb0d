"""A scenario: one story as a YAML file, read into frozen values that both worlds can tell.

`model` is what a scenario is made of; `forms` (its parts), `actions` (what its timeline may do), `target` (whom to
strike) and `subjects` (what may be observed) are the tables of the language. `files.load` reads a file of any format:
`reader` ours (by `document`, `fields` and `timeline`; `meaning` and `places` tell whether it can be meant), `chaosmesh`
and `toolkitread` those of others. `write` and `chaostoolkit` write it again; `schema` and `reference` are made from the
tables. Everything here is pure but for the files that are read. Running one is `cluster.experiments`.
"""
