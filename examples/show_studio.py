r"""Takes the pictures of this folder that show the page of the studio.

Needs tfstyle with its extras "dev" and "studio", Chromium, and two minutes.

  PYTHONPATH=.:tests/support python examples/show_studio.py

Give a folder to write them elsewhere.
"""

import base64
import io
import pathlib
import sys

from PIL import Image

import studio_page
from studio_page import PAINTED

HERE = pathlib.Path(__file__).parent
WINDOW, SIZE = (1440, 900), (1200, 750)
IMPASTO, POINTILLISM, GLASS, WATERCOLOR, WOODCUT = range(5)  # As on the page.
COFFEE = 1
CUP = [(0.42, 0.2), (0.45, 0.5), (0.55, 0.6), (0.6, 0.3), (0.5, 0.3)]


async def show(page):
    """Takes all pictures."""
    await page.ready()
    await page.see(*WINDOW)
    await page.set("size", "512")
    await sample(page, "content", COFFEE)
    for style in (POINTILLISM, GLASS, WATERCOLOR):
        await painted(page, sample(page, "style", style))
        await page.click("keep")
        await page.until('get("keep").hidden')
    await page.set("compare", "42")
    await take(page, "compare")

    await page.run('get("several").click()')
    await painted(page, sample(page, "style", WOODCUT))
    await page.set("compare", "0")
    await page.click("masks-open")
    await page.set("mask-size", "130")
    await painted(page, page.drag("mask", *CUP))
    await page.move("mask", CUP[-1])
    await take(page, "masks")

    await page.click("masks-open")
    await page.see(*WINDOW, "dark")
    await page.click("optimize")
    await page.until('/^256×.*step [4-9]/.test(get("live-text").textContent)')
    await take(page, "live")
    await page.click("live-stop")


async def sample(page, kind, number):
    """Chooses a photograph or a style of those that the page brings."""
    tiles = f'get("{kind}-samples").children'
    await page.until(f"{tiles}.length > {number}")
    await page.run(f"{tiles}[{number}].click()")


async def painted(page, change):
    """Awaits a change, and the picture that it makes."""
    await page.run('get("status").textContent = ""')
    await change
    await page.until('get("status").textContent.startsWith("Done")')
    await page.until(PAINTED)


async def take(page, name):
    """Saves what the window shows."""
    shot = await page.command("Page.captureScreenshot")
    data = io.BytesIO(base64.b64decode(shot["data"]))
    folder = pathlib.Path(sys.argv[1]) if sys.argv[1:] else HERE
    with Image.open(data) as image:
        page = image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
        page.save(
            folder / f"studio_{name}.jpg",
            quality=80,
            optimize=True,
            progressive=True,
        )


if __name__ == "__main__":
    studio_page.visit(show)
