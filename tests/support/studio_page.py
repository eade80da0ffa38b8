"""The page of the studio, in a tab of a real browser."""

import pathlib
import subprocess
import sys
import tempfile

import browser

# Two files of another window, onto the zones: a photograph and a style.
DROP = """
  const drop = async (zone, name, color) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [120, 80];
    const context = canvas.getContext("2d");
    context.fillStyle = color;
    context.fillRect(0, 0, 120, 80);
    context.fillStyle = "white";
    context.fillRect(30, 20, 40, 30);
    const blob = await new Promise((done) => canvas.toBlob(done));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([blob], name, { type: "image/png" }));
    const options = { dataTransfer, bubbles: true, cancelable: true };
    get(zone).dispatchEvent(new DragEvent("drop", options));
  };
  await drop("content-drop", "photo.png", "green");
  await drop("style-drop", "style.png", "orange");
"""
PAINTED = 'get("after").naturalWidth && get("after").src.includes("picture")'


class Page(browser.Page):
    """The page of the studio."""

    async def run(self, code):
        return await super().run(
            f"const get = (id) => document.getElementById(id); {code}"
        )

    async def ready(self):
        await self.until("document.body.dataset.ready === 'yes'")

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
        await self.run(DROP)
        await self.until(PAINTED)

    async def drag(self, id, *points):
        """Moves the pressed mouse over an element, by shares of its sides."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1)]
        for kind, point in zip(kinds, points, strict=True):
            await self._mouse(id, kind, point, buttons=1)
        await self._mouse(id, "mouseReleased", points[-1])

    async def move(self, id, point):
        """Moves the mouse over an element, by shares of its sides."""
        await self._mouse(id, "mouseMoved", point)

    async def _mouse(self, id, kind, point, buttons=0):
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

    async def press(self, key, code=0):
        for kind in ("keyDown", "keyUp"):
            await self.command(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
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
            address = program.stdout.readline().split()[1]
            browser.visit(port, address, look, Page)
            program.terminate()
