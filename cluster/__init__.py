"""The ground, the API and the control plane.

Layers, lower first; a lower one knows nothing of a higher one (tests/test_architecture.py):

    errors, config, addresses, wire, world/{host,faults,journal,scenario}     the ground
    world/sim, world/proc                                                     the two worlds; components arrive by name
    stream, rpc                                                               talk: requests and streams on a lossy bus
    api                                                                       objects as plain dicts; pure
    client                                                                    reach: verbs, informers, queues, election
    apiserver, controllers, scheduler                                         components; they meet on the bus only
    topology                                                                  who runs where, by name
    history, report, experiments                                              what happened, and was it allowed
    cli                                                                       the command line

The path of one `create pod` through all of them: docs/architecture.md.
"""
