"""A headless Chromium over its DevTools pipe: open a page, ask it, touch it, and hear what it complains about.

Must not know reports. Speaks the DevTools protocol over two pipes (--remote-debugging-pipe): no port, no web socket.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-translate",
    "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
BECOME = """
import os, sys
for end, number in zip(sys.argv[1:3], (3, 4)):
    os.dup2(int(end), number)
os.execv(sys.argv[3], sys.argv[3:])
"""
NAMES = ("chromium", "chromium-browser", "google-chrome")
REQUIRE = "CAPSTAN_REQUIRE_CHROMIUM"


def chromium() -> str:
    """Its path; the test is skipped without one, or fails where it is required."""
    found = next((path for name in NAMES if (path := shutil.which(name))), "")
    if not found:
        reason = "no Chromium here: apt-get install chromium"
        if os.environ.get(REQUIRE):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Browser:
    """One browser, one tab. `errors`: what the console and the page complained of. `requests`: addresses asked for."""

    def __init__(self, folder: Path, patience: float = 40.0) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._patience = patience
        self._number = 0
        self._rest = b""
        self._session = ""
        down, self._write = os.pipe()
        self._read, up = os.pipe()
        # Its ends are 3 and 4 for the browser; here they are numbers that neither is.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (down, up)]
        command = [chromium(), *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", BECOME, *map(str, ends), *command],
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (down, up, *ends):
            os.close(end)
        try:
            self.fresh()
        except BaseException:
            self.close()
            raise

    def fresh(self) -> None:
        """A new tab, instead of the one before, that nobody has complained in."""
        if self._session:
            self.send("Page.close")
            self._session = ""
        self.errors.clear()
        self.requests.clear()
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    # -- the protocol -------------------------------------------------------------------------------------------------

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """The command's result; AssertionError with what the browser says is wrong."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        end = time.monotonic() + 2 * self._patience
        while True:
            told = self._next(end, method)
            if told.get("sessionId", self._session) != self._session:
                continue  # of a tab that is gone
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                result: dict[str, Any] = told.get("result", {})
                return result
            self._hear(told)

    def _next(self, end: float, waiting_for: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            left = end - time.monotonic()
            ready, _, _ = select.select([self._read], [], [], max(0.0, left))
            assert ready, f"the browser does not answer {waiting_for} within {2 * self._patience:g} s"
            data = os.read(self._read, 1 << 20)
            assert data, f"the browser has ended during {waiting_for}"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        return told

    def _hear(self, told: dict[str, Any]) -> None:
        method, params = told.get("method"), told.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details.get("text", "?"))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert", "warning"):
            self.errors.append(" ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    # -- the page -----------------------------------------------------------------------------------------------------

    def size(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone,
        )  # fmt: skip
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = "dark" if dark else "light"
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path: Path, ready: str) -> float:
        """Go there, and wait until the expression `ready` is true; seconds that it took."""
        begun = time.monotonic()
        self.send("Page.navigate", url=path.as_uri())
        self.until(ready)
        return time.monotonic() - begun

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression (a promise is awaited); AssertionError with what it throws."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, f"{expression}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait in the page until it is true; AssertionError if it is not in time."""
        watch = f"""new Promise((done) => {{
            const end = performance.now() + {self._patience * 1000};
            const look = () => {{
                try {{ if ({expression}) return done(true); }} catch (e) {{ /* not there yet */ }}
                if (performance.now() > end) return done(false);
                setTimeout(look, 10);
            }};
            look();
        }})"""
        for _ in range(50):  # a navigation takes the promise with it
            value = self.send("Runtime.evaluate", expression=watch, returnByValue=True, awaitPromise=True)["result"]
            if value.get("value") is not None:
                assert value["value"], f"not true within {self._patience:g} s: {expression}"
                return
        raise AssertionError(f"the page went away: {expression}")

    def settle(self) -> None:
        """Until what was asked for has been drawn."""
        self.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def box(self, selector: str) -> dict[str, float]:
        """Where an element is on the screen, scrolled into sight."""
        found: dict[str, float] = self.ask(f"""(() => {{
            const node = document.querySelector({json.dumps(selector)});
            node.scrollIntoView({{ block: "center", behavior: "instant" }});
            const box = node.getBoundingClientRect();
            return {{ x: box.x, y: box.y, width: box.width, height: box.height }};
        }})()""")
        return found

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Fingers: touchStart and touchMove with all of them, touchEnd with none."""
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.send("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)
        self.settle()

    def click_on(self, selector: str) -> None:
        box = self.box(selector)
        self.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def key(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key)
        self.settle()

    def type(self, selector: str, text: str) -> None:
        """Into a field, as if typed; the field hears of it."""
        self.ask(f"""(() => {{
            const node = document.querySelector({json.dumps(selector)});
            node.value = {json.dumps(text)};
            node.dispatchEvent(new Event("input", {{ bubbles: true }}));
            node.dispatchEvent(new Event("change", {{ bubbles: true }}));
        }})()""")
        self.settle()

    def photograph(self, path: Path, *, whole: bool = False) -> None:
        taken = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))
