"""Faults of apiservers: slow, overloaded, wrong, standing still, leaving events out.

Must not know an apiserver: a rule tells it what to show (cluster/world/apifaults.py).
"""

from __future__ import annotations

from cluster.errors import UsageError
from cluster.experiments.stage import OBSERVER
from cluster.experiments.strikes.deed import Act, Deed, names
from cluster.world.faults import ApiFault


async def api(act: Act) -> Deed:
    targets = await act.cast.resolve(act.arg("targets"), act.dice, "hosts") if act.arg("targets") else ()
    other = next((host for host in targets if not host.startswith("apiserver-")), "")
    if other:
        raise act.refuse(f"{other} is no apiserver", "targets such as apiserver-0, apiserver-of:kubelet-1")
    way = act.arg("way")
    try:
        rule = ApiFault(
            src=targets,
            kinds=tuple(act.arg("kinds")),
            way=way,
            probability=act.arg("probability"),
            seconds=act.arg("by"),
            code=act.arg("code"),
            verbs=tuple(act.arg("verbs")),
            users=tuple(act.arg("users")),
            spares=(OBSERVER,),
        )
    except UsageError as error:
        raise act.refuse(error.args[0], error.remedy) from None
    await act.observer.avoid(targets)
    rules = await act.install([rule])
    about = [f"{word} {names(act.arg(word))}" for word in ("verbs", "kinds", "users") if act.arg(word)]
    what = f" ({'; '.join(about)})" if about else ""
    name = f"{names(targets) or 'every apiserver'}: {way}{what}"
    return Deed(name, targets, (), act.plain(), rules, undo=act.healing(rules))
