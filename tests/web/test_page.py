"""The page in a browser: from two files to a picture, masks and recipes."""

import importlib.util
import pathlib

import pytest

import studio_server
from studio_page import ALPHA, PAINTED, held, mask_file, style_mask, until
from tfstyle import images
from tfstyle.images import provenance
from tfstyle.web import recipes

IDLE = '!get("remove").disabled'


def test_the_whole_way(studio, browse, tmp_path):
    def desk():
        return studio.state()["desk"]

    def newest():
        return studio.state()["jobs"][-1]

    async def visit(page):
        await page.begin()
        assert await page.run('return get("after").naturalWidth') == 256

        await page.click("masks-open")
        await page.set("mask-region", "keep")
        await page.set("mask-size", "60")
        before = await page.run('return get("after").src')
        await page.drag("mask", (0.2, 0.5), (0.3, 0.5), (0.4, 0.5))
        keep = await until(lambda: desk().get("keep"))
        mask = images.load(mask_file(studio, keep, tmp_path))[..., 0]
        height, width = mask.shape
        assert mask[height // 2, width // 4] > 0.9
        assert mask[height // 2, width * 3 // 4] == 0
        assert mask[2, width // 4] == 0
        await page.until(f'get("after").src !== {before!r}')

        await page.set("steps", "400")
        await page.set("evenness_weight", "3")
        await page.click("optimize")
        await page.until('get("after").src.includes("frame")')
        await page.until('get("live-text").textContent.includes("step")')
        assert await page.text("status") == "Painting …"
        await page.reload()
        await page.until('get("after").src.includes("frame")')
        await page.click("live-stop")
        stopped = await until(
            lambda: (job := newest())["status"] == "stopped" and job
        )
        assert stopped["recipe"]["keep"] == keep
        await page.until(PAINTED)
        assert await page.run('return get("history").children.length') == 1
        assert not await page.run('return get("live-resume").hidden')

        await page.click("command-open")
        await page.until('get("command").open')
        shell = await page.text("command-shell")
        assert shell.startswith("python -m tfstyle.optimize")
        for flag in ("--keep_mask=", "--steps=400", "--evenness_weight=3.0"):
            assert flag in shell
        assert "tfstyle.stylize" in await page.text("command-python")
        await page.run('get("command").close()')

        data = await page.run(
            'const answer = await fetch(get("download").href);'
            'const name = answer.headers.get("Content-Disposition");'
            "return [name, [...new Uint8Array(await answer.arrayBuffer())]];"
        )
        assert "photo_style.png" in data[0]
        (tmp_path / "saved.png").write_bytes(bytes(data[1]))
        record = provenance.read(tmp_path / "saved.png")
        assert record["config"]["steps"] == 400
        assert record["notes"]["complete"] is False

        await page.click("live-resume")
        await until(lambda: newest()["status"] == "running")
        await page.click("live-stop")
        await until(lambda: newest()["status"] == "stopped")
        assert page.errors == []
        elsewhere = [u for u in page.requests if not u.startswith(studio.url)]
        assert not [u for u in elsewhere if not u.startswith("blob:")]

    browse(visit)


def test_the_keyboard_is_enough(studio, browse):
    def painted_larger():
        job = studio.state()["jobs"][-1]
        (style,) = job["recipe"]["styles"]
        return style["scale"] == 1.1 and job["status"] == "done"

    async def visit(page):
        await page.begin()
        await page.run('get("compare").focus()')
        await page.press("ArrowRight", 39)
        assert await page.run('return get("compare").value') == "1"
        clip = await page.run('return get("before").style.clipPath')
        assert clip == "inset(0px 99% 0px 0px)"
        await page.open_masks()
        await page.run('get("mask").focus()')
        await page.press("ArrowLeft", 37)
        await page.press(" ", 32)
        first = await until(lambda: style_mask(studio))
        await page.press("z", 90)
        await until(lambda: style_mask(studio) is None)
        await page.press("Z", 90, shift=True)
        assert await until(lambda: style_mask(studio)) == first
        await page.until(IDLE)
        scale = 'get("style-list").querySelector("input")'
        await page.run(f"{scale}.focus()")
        for _ in range(2):
            await page.press("ArrowRight", 39)
        assert await page.run("return document.activeElement.value") == "1.1"
        await until(painted_larger)
        await page.until(f"{PAINTED} && {IDLE}")
        # From the top, Tab reaches every button, once, and leaves no trap.
        await page.run('document.querySelector(".skip").focus()')
        seen = []
        for _ in range(80):
            here = await page.run(
                "const e = document.activeElement;return e.id || e.outerHTML"
            )
            if here in seen[1:]:
                break
            seen.append(here)
            await page.press("Tab", 9)
        wanted = {"content-file", "style-file", "compare", "mask", "mask-size"}
        wanted |= {"mask-import", "optimize", "strength", "download", "size"}
        assert wanted <= {*seen}

    browse(visit)


def test_another_page_sees_what_this_one_begins(studio, browse):
    async def visit(page):
        await page.ready()
        recipe = {
            "engine": "one_pass",
            "content": studio.image(40, 60, 1),
            "styles": [{"image": studio.image(40, 40, 2)}],
            "settings": {"size": 64},
        }
        job = studio.paint(recipe)
        await page.until('get("history").children.length === 1')
        await page.until(
            'get("history").querySelector("img").naturalWidth === 64'
        )
        await page.run('get("history").querySelector("button").click()')
        await page.until('get("after").naturalWidth === 64')
        studio.delete(f"/api/jobs/{job['id']}")
        await page.until('get("history").children.length === 0')
        assert await page.run('return get("after").hidden')

    browse(visit)


def test_a_new_picture_takes_the_place_of_the_last_at_once(studio, browse):
    async def visit(page):
        await page.begin()
        await page.click("keep")
        await until(lambda: studio.state()["jobs"][0]["kept"])
        for strength in ("70", "40"):  # The second takes the first's place.
            before = await page.run(
                "window.shown = []; new MutationObserver(() =>"
                '  shown.push(get("after").getAttribute("src"))).observe('
                '  get("after"), { attributeFilter: ["src"] });'
                'return get("after").src'
            )
            await page.set("strength", strength)
            await page.until(f'{PAINTED} && get("after").src !== {before!r}')
        kept = studio.state()["jobs"][0]["id"]
        assert kept not in str(await page.run("return shown"))

    browse(visit)


def test_a_recipe_that_is_taken_brings_its_size_and_its_masks(studio, browse):
    async def visit(page):
        await page.begin()
        (job,) = studio.state()["jobs"]
        recipe = {**job["recipe"], "settings": {"size": 200}}
        studio.paint(recipe)
        await page.until('get("history").children.length === 1')
        await page.click("masks-open")
        await page.set("mask-region", "keep")
        await page.drag("mask", (0.2, 0.5), (0.4, 0.5))
        await until(lambda: studio.state()["desk"].get("keep"))
        assert await page.run(f"return ({ALPHA})(36)") > 100
        await page.run('get("history").querySelector("button").click()')
        await page.click("again")
        await until(lambda: studio.state()["desk"].get("keep") is None)
        assert await page.run('return get("size").value') == "200"
        assert await page.run(f"return ({ALPHA})(36)") == 0
        assert page.errors == []

    browse(visit)


def test_what_a_recipe_leaves_out_is_the_default(studio, browse):
    recipe = {
        "engine": "optimize",
        "content": studio.image(40, 60, 1),
        "styles": [{"image": studio.image(40, 40, 2)}],
        "settings": {"size": 64, "seed": 5},
    }
    studio.paint(recipe)

    async def visit(page):
        await page.ready()
        await page.set("evenness_weight", "3")
        await page.set("strength", "40")
        await until(lambda: studio.state()["desk"])
        await page.run('get("history").querySelector("button").click()')
        await page.click("again")
        await until(lambda: studio.state()["desk"]["settings"]["seed"] == 5)
        desk = {**recipe, "settings": studio.state()["desk"]["settings"]}
        found, expected = map(recipes.parse, (desk, recipe))
        assert found.config("distilled") == expected.config("distilled")

    browse(visit)


def test_transparent_pictures_lie_on_white_as_their_photographs_do(browse):
    async def visit(page):
        await page.begin()
        await page.see(1440, 900, "dark")
        color = await page.run(
            'return getComputedStyle(get("after")).backgroundColor'
        )
        assert color == "rgb(255, 255, 255)"

    browse(visit)


def test_all_files_of_a_drop_are_taken(browse):
    async def visit(page):
        await page.ready()
        await page.run("""
          const dataTransfer = new DataTransfer();
          for (const width of [40, 50]) {
            const canvas = new OffscreenCanvas(width, 40);
            canvas.getContext("2d");
            const blob = await canvas.convertToBlob();
            dataTransfer.items.add(new File([blob], `${width}.png`));
          }
          get("style-drop").dispatchEvent(new DragEvent("drop",
            { dataTransfer, bubbles: true, cancelable: true }));
          dataTransfer.items.clear();  // As after the event of a user.
        """)
        await page.until('get("style-list").children.length === 2')

    browse(visit)


def test_what_is_changed_just_before_a_reload_stays(browse):
    async def visit(page):
        await page.begin()
        await page.set("strength", "45")
        await page.reload()
        assert await page.run('return get("strength").value') == "45"

    browse(visit)


def test_small_pictures_of_the_history_are_of_the_end(browse):
    async def visit(page):
        await page.begin()
        await page.set("steps", "20")
        await page.click("optimize")
        picture = 'get("history").querySelector("img")'
        await page.until(f"{picture} && {picture}.naturalWidth === 256")

    browse(visit)


def test_a_picture_that_failed_is_loaded_again(browse):
    async def visit(page):
        await page.begin()
        before = await page.run('return get("after").src')
        await page.command("Network.setBlockedURLs", urls=["*/picture*"])
        await page.set("strength", "40")
        await page.click("paint")
        await page.until('get("history").children.length === 1')
        await page.until(IDLE)
        assert await page.run('return get("after").src') == before
        await page.command("Network.setBlockedURLs", urls=[])
        await page.run('get("history").querySelector("button").click()')
        await page.until(f'{PAINTED} && get("after").src !== {before!r}')

    browse(visit)


def test_a_late_photograph_takes_no_later_ones_place(studio, browse):
    async def visit(page):
        await page.ready()
        await page.run(held("late.png"))
        await page.drop("content", "late.png", "red", 130)
        await page.drop("content", "soon.png", "blue", 140)
        await page.until('get("content-view").alt.includes("soon.png")')
        await page.run("release()")
        await until(
            lambda: any(
                x["name"] == "late.png" for x in studio.state()["images"]
            )
        )
        await page.drop("style", "style.png", "orange")
        await page.until(PAINTED)
        assert "soon.png" in await page.run('return get("content-view").alt')

    browse(visit)


def test_what_goes_wrong_is_said(browse, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")

    async def visit(page):
        await page.ready()
        await page.choose("content-file", tmp_path / "notes.txt")
        await page.until('get("status").className === "error"')
        assert "“notes.txt” is not an image" in await page.text("status")
        await page.click("optimize")
        text = "Choose a photograph and a style."
        await page.until(f'get("status").textContent === "{text}"')

    browse(visit)


@pytest.fixture(scope="module")
def axe():
    """Code of axe-core, by which the page is checked."""
    spec = importlib.util.find_spec("axe_core_python")
    if spec is None:
        pytest.skip("needs axe-core-python")
    return pathlib.Path(spec.origin).with_name("axe.min.js").read_text()


async def violations(page, axe):
    await page.command("Runtime.evaluate", expression=axe)
    found = await page.run(
        "const found = await axe.run(document, { resultTypes:"
        "  ['violations'] });"
        "return found.violations.map((v) => [v.impact, v.id,"
        "  v.nodes.map((n) => n.html + ' ' + n.failureSummary).join('; ')]);"
    )
    return [item for item in found if item[0] in ("serious", "critical")]


def test_axe_finds_nothing_serious(studio, browse, axe):
    async def visit(page):
        await page.ready()
        assert await violations(page, axe) == []
        await page.begin()
        await page.click("keep")
        await page.click("masks-open")
        await page.run('get("several").click()')
        await page.run('get("style-samples").children[1].click()')
        for width, height in [(360, 740), (1440, 900), (3840, 2160)]:
            for scheme in ("light", "dark"):
                await page.see(width, height, scheme)
                assert await violations(page, axe) == []
            wide = "return document.documentElement.scrollWidth"
            assert await page.run(wide) <= width
        await page.until(IDLE)
        await page.click("command-open")
        await page.until('get("command").open')
        assert await violations(page, axe) == []

    browse(visit)


def test_everything_has_a_name_for_screen_readers(browse):
    async def visit(page):
        await page.begin()
        await page.click("masks-open")
        named = await page.named(
            {"button", "slider", "combobox", "image", "link", "checkbox"}
        )
        assert len(named) >= 25
        assert all(name for _, name in named), named

    browse(visit)


def test_the_page_is_made_of_its_own_files(studio):
    text = studio.get("/").text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "style=" not in text and "onclick" not in text
    folder = pathlib.Path(studio_server.app.__file__).with_name("static")
    for path in folder.iterdir():
        assert studio.get(f"/static/{path.name}").ok
        lines = path.read_text().splitlines()
        assert len(lines) < 250 or path.suffix != ".js"
