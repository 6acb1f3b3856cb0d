"""Objects as plain dicts, and what may be said about them. Pure: no clock, no disk, no bus.

An object is exactly Kubernetes' JSON. `kinds` is the table of kinds; an entry names its schema (`schema_*`: fields,
types, defaults, merge keys), its rules (`validate_*`, `defaults`) and its columns (`tables_*`). `default`, `validate`,
`apply` (patches) and `table` are the four things that a server does with an object; `meta`, `selectors`, `quantity`
and `views` are for everyone who reads one.
"""
