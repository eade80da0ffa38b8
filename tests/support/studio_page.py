"""The page of the studio, in a tab of a real browser."""

import asyncio
import pathlib
import subprocess
import sys
import tempfile
import time

import browser
from programs import PATIENCE

# Drops a picture of a color on a zone, as a file of another window.
DROPPED = """
  const drop = async (zone, name, color, width = 120, height = 80) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    context.fillStyle = color;
    context.fillRect(0, 0, width, height);
    context.fillStyle = "white";
    context.fillRect(30, 20, 40, 30);
    const blob = await new Promise((done) => canvas.toBlob(done));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([blob], name, { type: "image/png" }));
    const options = { dataTransfer, bubbles: true, cancelable: true };
    get(zone).dispatchEvent(new DragEvent("drop", options));
  };
"""
# How much the page shows of the mask at a column.
ALPHA = """(x) => {
  const copy = new OffscreenCanvas(120, 80).getContext(
    "2d", { willReadFrequently: true });
  copy.drawImage(get("mask"), 0, 0);
  return copy.getImageData(x, 40, 1, 1).data[3];
}"""
# Fails once the request that was held.
FAILS = 'window.fetch = fetch; throw new TypeError("Failed to fetch");'
PAINTED = 'get("after").naturalWidth && get("after").src.includes("picture")'


class Page(browser.Page):
    """The page of the studio."""

    async def run(self, code):
        return await super().run(
            f"const get = (id) => document.getElementById(id); {code}"
        )

    async def ready(self):
        await self.until("document.body.dataset.ready === 'yes'")

    async def reload(self):
        await self.run("window.old = true")
        await self.command("Page.reload")
        await self.until("!window.old && document.readyState === 'complete'")
        await self.ready()

    async def open_masks(self):
        """Opens the masks of the photograph of `begin`."""
        await self.click("masks-open")
        await self.until('get("mask").width === 120')

    async def click(self, id):
        await self.run(f'get("{id}").click()')

    async def set(self, id, value):
        await self.run(
            f'get("{id}").value = {value!r};'
            'for (const name of ["input", "change"])'
            f'  get("{id}").dispatchEvent(new Event(name));'
        )

    async def text(self, id):
        return await self.run(f'return get("{id}").textContent')

    async def begin(self, size=256):
        """Drops two files and waits for the picture."""
        await self.ready()
        await self.set("size", str(size))
        await self.drop("content", "photo.png", "green")
        await self.drop("style", "style.png", "orange")
        await self.until(PAINTED)

    async def drop(self, kind, name, color, width=120, height=80):
        """Drops a picture as a photograph (`content`) or a style."""
        given = f"{name!r}, {color!r}, {width}, {height}"
        await self.run(f'{DROPPED} await drop("{kind}-drop", {given});')

    async def drag(self, id, *points):
        """Moves the pressed mouse over an element, by shares of its sides."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1)]
        for kind, point in zip(kinds, points, strict=True):
            await self.mouse(id, kind, point, buttons=1)
        await self.mouse(id, "mouseReleased", points[-1])

    async def move(self, id, point):
        """Moves the mouse over an element, by shares of its sides."""
        await self.mouse(id, "mouseMoved", point)

    async def mouse(self, id, kind, point, buttons=0):
        box = await self.run(
            f'get("{id}").scrollIntoView({{ block: "center" }});'
            f"const {{ x, y, width, height }} ="
            f'  get("{id}").getBoundingClientRect();'
            "return [x, y, width, height];"
        )
        moved = kind == "mouseMoved" and not buttons
        await self.command(
            "Input.dispatchMouseEvent",
            type=kind,
            x=box[0] + point[0] * box[2],
            y=box[1] + point[1] * box[3],
            button="none" if moved else "left",
            buttons=buttons,
            clickCount=int(not moved),
        )

    async def press(self, key, code=0, shift=False):
        for kind in ("keyDown", "keyUp"):
            await self.command(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                modifiers=8 * shift,
            )

    async def see(self, width, height, scheme="light"):
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        await self.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )


def visit(look):
    """Runs a coroutine function with the `Page` of the program itself."""
    with tempfile.TemporaryDirectory() as folder:
        program = subprocess.Popen(
            [sys.executable, "-m", "tfstyle.studio", "--port=0"]
            + [f"--output={folder}/studio"],
            stdout=subprocess.PIPE,
            text=True,
        )
        # Its output stays open: the program ends with its reader.
        with program, browser.start(pathlib.Path(folder)) as port:
            try:
                address = program.stdout.readline().split()[1]
                browser.visit(port, address, look, Page)
            finally:
                program.terminate()


async def until(condition):
    """Waits for what the server should know; returns it."""
    last = time.monotonic() + PATIENCE
    while not (found := await asyncio.to_thread(condition)):
        assert time.monotonic() < last
        await asyncio.sleep(0.1)
    return found


def held(part, then=""):
    """Holds requests of addresses with a part back until `release()`."""
    return f"""
      const {{ fetch }} = window;
      window.held = new Promise((done) => window.release = done);
      window.fetch = async (url, ...rest) => {{
        if (!`${{url}}`.includes("{part}")) return fetch(url, ...rest);
        await window.held;
        {then}
        return fetch(url, ...rest);
      }};
    """


def asked(studio):
    """What the button "Paint" was pressed for, None before."""
    kept = [job for job in studio.state()["jobs"] if job["kept"]]
    return kept[-1]["recipe"] if kept else None


def mask_file(studio, id, folder):
    path = pathlib.Path(folder, f"{id}.png")
    path.write_bytes(studio.get(f"/api/images/{id}/file").content)
    return path


def style_mask(studio):
    """Mask of the only style, None before the page has told the server."""
    (style,) = studio.state()["desk"].get("styles") or [{}]
    return style.get("mask")
