"""The planted bugs by name, of every component.

Nothing that production imports can reach this package: it is part of the tests, and is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.zoo.bug import Bug
from tests.zoo.bugs import apiserver, controllers, kubelet, proxy, scheduler, store

ALL: Mapping[str, Bug] = {
    **store.BUGS,
    **apiserver.BUGS,
    **controllers.BUGS,
    **scheduler.BUGS,
    **kubelet.BUGS,
    **proxy.BUGS,
}
