"""Programs that stand for images. Each module's `main(argv) -> int` runs in a process of its own, with its environment
set (CAPSTAN_POD_IP, HOSTNAME, HOME) and stdout going to the container's log. They know nothing of the cluster."""
