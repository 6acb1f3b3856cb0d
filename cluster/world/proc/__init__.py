"""The world of real OS processes: ZeroMQ, files, SIGKILL and SIGSTOP.

Must not import components (they arrive as a `Spec`) nor the simulated world. The process tree:

    fork server          imports everything once, forks; loop-less; parent of all, so it reaps and reports every exit
    ├─ supervisor        uvloop; knows hosts, rules, skew; listens on run/control.sock
    ├─ host processes    one component each (child.py), with a control socket that no fault touches
    └─ containers        what kubelets run; survive their kubelet, not their machine's power-off (containers.py)

Whatever root dies, by whatever signal, nothing survives it: the kernel kills by PDEATHSIG, the supervisor and the fork
server kill on the end of their common socket. Where to look: `layout` (names of files), `control` (frames on every
unix socket), `forkserver` and `containers`, `supervisor` and `service`, `child` with `network`, `bus`, `disk`, `host`,
`journal`; `seedling` for how it begins; `world` and `launch` are the door for everyone outside.
"""
