"""What every component but the apiserver stands on: typed verbs, caches kept by watches, work queues, elections.

    client = Client(Rpc(host, keepalive=timing.watch_keepalive), config.apiservers, timeout=timing.request_timeout)
    informers = InformerSet(client, timing)
    pods = informers.add("Pod", fields="spec.nodeName=worker-1")
    pods.on_change(lambda old, new: queue.add(key_of(new or old)))
    async with asyncio.TaskGroup() as group:
        group.create_task(informers.run())
        await informers.wait_synced()
        ...
        informers.cache.get("Pod", "default", "web-1")

Files: client (verbs), informer (list, watch, list again), cache (what informers know), queue (pure), election,
events (recording). Must not know components.
"""
