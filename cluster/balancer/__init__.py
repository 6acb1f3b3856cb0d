"""One address for all masters: a forwarder of TCP connections that goes to an apiserver which lives.

`servers` looks after each apiserver, `component` takes connections and carries them.
"""
