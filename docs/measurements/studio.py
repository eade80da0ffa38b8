r"""Measures the studio in a browser: the first picture, and its live frames.

  PYTHONPATH=.:tests/support python docs/measurements/studio.py PHOTO STYLE

Starts the program, waits until its model is loaded, drops both files on the
page five times, each time with other bytes, and prints the seconds until the
picture is on the screen; then optimizes at 512 pixels and prints the seconds
between frames. Needs Chromium.
"""

import asyncio
import base64
import pathlib
import sys
import time

import numpy as np

import browser
import studio_page

_DROP = """
  const drop = (zone, name, data) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
    const options = { dataTransfer, bubbles: true, cancelable: true };
    get(zone).dispatchEvent(new DragEvent("drop", options));
  };
  const before = get("after").src, began = performance.now();
  const placed = new Promise((done) => get("after").onload = () => {
    if (get("after").src !== before) done();
  });
  drop("content-drop", "photo.jpg", PHOTO);
  drop("style-drop", "style.jpg", STYLE);
  await placed;
  return (performance.now() - began) / 1000;
"""
_FRAMES = """
  const times = [];
  const began = performance.now(), shapes = [];
  get("after").onload = () => {
    if (!get("after").src.includes("frame")) return;
    times.push((performance.now() - began) / 1000);
    shapes.push(get("after").naturalWidth);
  };
  get("optimize").click();
  await new Promise((done) => setInterval(() => {
    if (times.length && get("after").src.includes("picture")) done();
  }, 100));
  return [times, shapes];
"""


def _encoded(path: str, number: int) -> str:
    # Bytes after the end of a JPEG file change its hash, and no pixel.
    data = pathlib.Path(path).read_bytes() + bytes(number)
    return repr(base64.b64encode(data).decode())


async def _measure(page: browser.Page) -> None:
    await page.until("document.body.dataset.ready === 'yes'")
    machine = "document.getElementById('machine').textContent"
    await page.until(f"!{machine}.includes('…')")
    print(await page.run(f"return {machine}"))
    firsts = []
    for number in range(5):
        photo, style = (_encoded(path, number) for path in sys.argv[1:3])
        code = _DROP.replace("PHOTO", photo).replace("STYLE", style)
        firsts.append(await page.run(code))
        await asyncio.sleep(1)
    print("first picture, s:", *(f"{x:.2f}" for x in firsts))
    times, widths = await page.run(_FRAMES)
    gaps = np.diff([0, *times])
    print(f"{len(times)} frames in {times[-1]:.1f} s; first {times[0]:.1f} s")
    print(
        f"median gap {np.median(gaps[1:]):.2f} s, longest {max(gaps[1:]):.2f}"
    )
    changes = [i for i in range(1, len(widths)) if widths[i] != widths[i - 1]]
    print("gaps at a new size, s:", *(f"{gaps[i]:.2f}" for i in changes))
    rest = [gap for i, gap in enumerate(gaps) if i and i not in changes]
    print(f"longest gap within a size: {max(rest):.2f} s")


if __name__ == "__main__":
    began = time.monotonic()
    studio_page.visit(_measure)
    print(f"in all {time.monotonic() - began:.0f} s")
