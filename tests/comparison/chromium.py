"""A page in headless Chromium, spoken to over its debugging pipe: any window, paper, keys, and what it says."""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)


class Chromium:
    """One page of one browser, without a network.

    Parameters
    ----------
    folder : path
        For the browser's profile.
    """

    def __init__(self, folder: Path) -> None:
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        options = shlex.join(
            [str(BROWSER), *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        )
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", f"exec {options} 3<&{to_browser} 4>&{from_browser}"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._out, self._in = ours_out, os.fdopen(ours_in, "rb")
        self._number = 0
        self.complaints: list[str] = []
        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._out)
        self._process.terminate()
        self._process.wait(timeout=20)
        self._in.close()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the debugging protocol and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer}"
                return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._in.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        answer: dict[str, Any] = json.loads(text)
        said = answer.get("method")
        if said == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(answer["params"]["exceptionDetails"])[:500])
        elif said == "Log.entryAdded" and answer["params"]["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(answer["params"]["entry"]["text"])
        elif said == "Runtime.consoleAPICalled" and answer["params"]["type"] in {
            "error",
            "warning",
            "assert",
        }:
            self.complaints.append(str(answer["params"]["args"])[:500])
        elif said == "Network.requestWillBeSent":
            url = answer["params"]["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:")):
                self.complaints.append(f"request for {url}")
        return answer

    def window(self, width: int, height: int) -> None:
        """Size of the window, px; below 800 it is a telephone's, with touch."""
        phone = width < 800
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)

    def open(self, page: Path, ready: str = "true", seconds: float = 60.0) -> float:
        """Open a file and wait until an expression is true; the time that took, s."""
        begin = time.monotonic()
        self.send("Page.navigate", url=page.as_uri())
        while not (
            self.value(
                f"document.readyState === 'complete' && location.protocol === 'file:' && Boolean({ready})"
            )
        ):
            assert time.monotonic() - begin < seconds, f"{ready} has not come true; {self.complaints}"
            time.sleep(0.02)
        return time.monotonic() - begin

    def value(self, expression: str) -> Any:
        """Value of an expression in the page; promises are awaited."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key, by its name and its virtual key code."""
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}),
            )  # fmt: skip

    def _middle(self, selector: str) -> tuple[float, float]:
        """Middle of an element that has been scrolled into the window, px; scrolling is over."""
        x, y = self.value(
            f"(async () => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'});"
            " await new Promise((done) => setTimeout(done, 150));"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return float(x), float(y)

    def point_at(self, selector: str) -> None:
        """Move the mouse over the middle of an element."""
        x, y = self._middle(selector)
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def touch(self, selector: str) -> None:
        """Touch the middle of an element and let go."""
        x, y = self._middle(selector)
        self.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def picture(self, path: Path, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        more: dict[str, Any] = {}
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            more = {"captureBeyondViewport": True, "clip": {**size, "x": 0, "y": 0, "scale": 1}}
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png", **more)["data"]))

    def paper(self, path: Path) -> None:
        """Print to PDF, in the page's own paper size."""
        answer = self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(base64.b64decode(answer["data"]))
