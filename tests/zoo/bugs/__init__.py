"""The planted bugs by name, of every component. Those of the store live with its proof (tests/store)."""

from __future__ import annotations

from collections.abc import Mapping

from tests.zoo.bug import Bug
from tests.zoo.bugs import apiserver, controllers, kubelet, proxy, scheduler

CLUSTER: Mapping[str, Bug] = {
    **apiserver.BUGS,
    **controllers.BUGS,
    **scheduler.BUGS,
    **kubelet.BUGS,
    **proxy.BUGS,
}
